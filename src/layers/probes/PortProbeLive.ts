import { createServer } from "node:net"
import { Effect, Layer } from "effect"
import { PortProbe, PortTaken } from "../../services/PortProbe.ts"
import { http } from "../environment/sections.ts"

export const PortProbeLive = Layer.succeed(
  PortProbe,
  PortProbe.of({
    listen: Effect.flatMap(http, ({ host, port }) =>
      Effect.callback<string, PortTaken>((resume) => {
        const address = `${host}:${port}`
        const server = createServer()
        server.on("error", (error: NodeJS.ErrnoException) =>
          resume(Effect.fail(new PortTaken({ address, code: error.code ?? error.message })))
        )
        server.listen(port, host, () => server.close(() => resume(Effect.succeed(address))))
        return Effect.sync(() => server.close())
      })
    )
  })
)
