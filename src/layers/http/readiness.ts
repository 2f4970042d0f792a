import { Effect, Option, Ref } from "effect"
import { JobStore } from "../../services/JobStore.ts"
import { Redis } from "../../services/Redis.ts"
import { WorkerStatus } from "../../services/WorkerStatus.ts"

/** A backend that has not answered by then counts as out of reach; probes themselves give up after a second or so. */
const patience = "900 millis"

/** Why the worker cannot work now; empty when it can. */
export const readiness = Effect.gen(function* () {
  const { credentialsFault, fetchFault, phase } = yield* WorkerStatus
  const store = yield* JobStore
  const redis = yield* Redis
  const now = yield* Ref.get(phase)
  const [postgres, redisCheck] = yield* Effect.all([fails("postgresql", store.ping), fails("redis", redis.ping)], {
    concurrency: "unbounded"
  })
  const credentials = yield* Ref.get(credentialsFault)
  const fetch = yield* Ref.get(fetchFault)
  return [
    ...(now === "running" ? [] : [now === "draining" ? "draining" : "fetch loop"]),
    ...postgres,
    ...redisCheck,
    ...Option.toArray(Option.map(fetch, (fault) => `take: ${fault}`)),
    ...(Option.isSome(credentials) ? ["aws credentials"] : [])
  ]
})

/** The name, if the check fails. */
const fails = (name: string, check: Effect.Effect<void, unknown>) =>
  check.pipe(Effect.timeout(patience), Effect.match({ onFailure: () => [name], onSuccess: () => [] }))
