import { Effect, Option, Ref } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { JobStore } from "../../services/JobStore.ts"
import { Redis } from "../../services/Redis.ts"
import { WorkerStatus } from "../../services/WorkerStatus.ts"

/** A backend that has not answered by then counts as out of reach; probes themselves give up after a second or so. */
const patience = "900 millis"

/** `/health`: restart me. `/ready`: I cannot work now, but a restart would not help. */
export const probeRoutes = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const { credentialsFault, fetchFault, phase } = yield* WorkerStatus
    const store = yield* JobStore
    const redis = yield* Redis

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
      Effect.gen(function* () {
        const now = yield* Ref.get(phase)
        const [postgres, redisCheck] = yield* Effect.all(
          [fails("postgresql", store.ping), fails("redis", redis.ping)],
          { concurrency: "unbounded" }
        )
        const credentials = yield* Ref.get(credentialsFault)
        const fetch = yield* Ref.get(fetchFault)
        const failing = [
          ...(now === "running" ? [] : [now === "draining" ? "draining" : "fetch loop"]),
          ...postgres,
          ...redisCheck,
          ...Option.toArray(Option.map(fetch, (fault) => `take: ${fault}`)),
          ...(Option.isSome(credentials) ? ["aws credentials"] : [])
        ]
        return failing.length === 0
          ? HttpServerResponse.jsonUnsafe({ status: "ready" })
          : HttpServerResponse.jsonUnsafe({ status: "unavailable", failing }, { status: 503 })
      })
    )
  })
)

/** The names of what fails: one or none. */
const fails = (name: string, check: Effect.Effect<void, unknown>) =>
  check.pipe(Effect.timeout(patience), Effect.match({ onFailure: () => [name], onSuccess: () => [] }))
