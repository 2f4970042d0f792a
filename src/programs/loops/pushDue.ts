import { Effect, Option, Ref } from "effect"
import { JobQueue } from "../../services/JobQueue.ts"
import { JobStore } from "../../services/JobStore.ts"
import { WorkerStatus } from "../../services/WorkerStatus.ts"

/**
 * Pushes the jobs of requests whose time has come, to be taken before all others; answers the milliseconds until there is more to push.
 * However many replicas do so, each job is pushed once. One that is lost on its way is found as a request without a job.
 */
export const pushDue = Effect.gen(function* () {
  const store = yield* JobStore
  const queue = yield* JobQueue
  const { orphansBefore } = yield* WorkerStatus
  let due = yield* store.due(yield* Ref.get(orphansBefore))
  while (due.payloads.length > 0) {
    for (const payload of due.payloads) yield* queue.submitFirst(Buffer.from(payload))
    yield* Effect.logInfo(`pushed ${due.payloads.length} requests that are due`)
    // The lost ones were all found the first time. If this worker's clock is wrong, asking for them again would find them for ever.
    due = yield* store.due(Number.NEGATIVE_INFINITY)
  }
  return Option.getOrElse(due.next, () => Number.POSITIVE_INFINITY)
})
