import { Clock, Duration, Effect } from "effect"
import { WorkerConfig } from "../services/Config.ts"
import { Leases } from "../services/Leases.ts"
import { Workers } from "../services/Workers.ts"

/** Lets the other workers know that this one lives, for a lease. */
export const announce = Effect.gen(function* () {
  const workers = yield* Workers
  const { lease } = yield* WorkerConfig
  yield* workers.announce((yield* Clock.currentTimeMillis) + Duration.toMillis(lease))
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
