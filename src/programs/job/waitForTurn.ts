import { Duration, Effect } from "effect"
import { tellJob } from "../../domain/tracing.ts"
import { WorkerConfig } from "../../services/Config.ts"
import { type Delivery, JobQueue } from "../../services/JobQueue.ts"
import type { Blocked } from "./claimRequest.ts"
import { persist } from "./persist.ts"

/** For each request before it; a call to IAM takes about twice as long. */
const each = Duration.millis(50)

/**
 * Delays a job while older requests on its key are unfinished: the more there are, the longer. It is tried again often enough for its
 * request to be touched before it could pass for one without a job.
 */
export const waitForTurn = Effect.fnUntraced(function* (delivery: Delivery, { ahead, correlationId }: Blocked) {
  const queue = yield* JobQueue
  const { orphanAfter } = yield* WorkerConfig
  const time = Duration.min(Duration.times(each, ahead), Duration.times(orphanAfter, 0.25))
  yield* persist(queue.delay(delivery, time))
  yield* tellJob(() => ({ attributes: { "csb.outcome": "delayed" } }))
  yield* Effect.logDebug(`waits for ${ahead} older requests on its key`).pipe(
    Effect.annotateLogs("correlation_id", correlationId)
  )
})
