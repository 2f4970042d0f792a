import { Clock, Duration, Effect } from "effect"
import { WorkerConfig } from "../services/Config.ts"
import { Leases } from "../services/Leases.ts"
import { Workers } from "../services/Workers.ts"

/** One heartbeat: a statement for all jobs in flight, and a command for the worker itself. */
export const stayAlive = Effect.gen(function* () {
  const leases = yield* Leases
  const workers = yield* Workers
  const { lease } = yield* WorkerConfig
  yield* leases.renew
  yield* workers.announce((yield* Clock.currentTimeMillis) + Duration.toMillis(lease))
})
