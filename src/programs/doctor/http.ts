import { Effect } from "effect"
import { failed, ok, warning } from "../../domain/Finding.ts"
import { PortProbe } from "../../services/PortProbe.ts"
import { check } from "../checks/check.ts"
import { unconfigured } from "../checks/config.ts"

/** Whether the probes and the metrics can be served. */
export const checkHttp = Effect.gen(function* () {
  const { listen } = yield* PortProbe
  const look = listen.pipe(
    Effect.map((address) => ok(`${address} is free`)),
    Effect.catchTags({
      ConfigInvalid: unconfigured,
      PortTaken: ({ address, code }) =>
        Effect.succeed(
          code === "EADDRINUSE"
            ? warning(`${address} is taken`, "If not by a worker that runs here, set HTTP_PORT to another")
            : failed(
                `cannot listen on ${address}: ${code}`,
                "Set HTTP_HOST to an address of this host and HTTP_PORT above 1023"
              )
        )
    })
  )
  return [yield* check("http port", look)]
})
