import { Effect, Ref } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { WorkerStatus } from "../../services/WorkerStatus.ts"
import { readiness } from "./readiness.ts"

/** A 503 of `/health` means: restart me. One of `/ready`: I cannot work now, but a restart would not help. */
export const probeRoutes = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const { phase } = yield* WorkerStatus

    yield* router.add(
      "GET",
      "/health",
      Effect.map(Ref.get(phase), (now) =>
        now === "stopped"
          ? HttpServerResponse.jsonUnsafe({ status: "stopped", failing: ["fetch loop"] }, { status: 503 })
          : HttpServerResponse.jsonUnsafe({ status: "ok" })
      )
    )

    yield* router.add(
      "GET",
      "/ready",
      Effect.map(readiness, (failing) =>
        failing.length === 0
          ? HttpServerResponse.jsonUnsafe({ status: "ready" })
          : HttpServerResponse.jsonUnsafe({ status: "unavailable", failing }, { status: 503 })
      )
    )
  })
)
