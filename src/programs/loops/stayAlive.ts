import { Clock, Duration, Effect } from "effect"
import { monotonicMillis } from "../../domain/monotonicMillis.ts"
import { WorkerConfig } from "../../services/Config.ts"
import { Leases } from "../../services/Leases.ts"
import { Workers } from "../../services/Workers.ts"

/**
 * Lets the other workers know that this one is alive, for a lease. An announcement that took long, because the process was stopped
 * meanwhile, may be out of date when it arrives, or overwrite a newer one: then it is made again.
 */
export const announce = Effect.gen(function* () {
  const workers = yield* Workers
  const lease = Duration.toMillis((yield* WorkerConfig).lease)
  let fresh = false
  while (!fresh) {
    const asked = yield* monotonicMillis
    yield* workers.announce((yield* Clock.currentTimeMillis) + lease)
    fresh = (yield* monotonicMillis) - asked < lease / 2
  }
})

/** One heartbeat: a statement for all jobs in flight, and a command for the worker itself. Neither waits for the other's server. */
export const stayAlive = Effect.gen(function* () {
  const leases = yield* Leases
  const [renewed, announced] = yield* Effect.all([Effect.exit(leases.renew), Effect.exit(announce)], {
    concurrency: "unbounded"
  })
  yield* renewed
  yield* announced
})
