import { Effect, Option } from "effect"
import type { InvalidPayload } from "../../domain/Job.ts"
import { printable } from "../../domain/Settlement.ts"
import { type DeadLetterReason, type Delivery, JobQueue } from "../../services/JobQueue.ts"
import { JobStore } from "../../services/JobStore.ts"
import type { Duplicate, UnknownJob } from "./claimRequest.ts"
import { count } from "./count.ts"
import { lookUntilFound } from "./lookUntilFound.ts"
import { persist } from "./persist.ts"

/** The bytes are not a job: they become a dead letter, and a request that they name all the same fails. */
export const refusePayload = Effect.fnUntraced(function* (delivery: Delivery, error: InvalidPayload) {
  const store = yield* JobStore
  const queue = yield* JobQueue
  if (Option.isSome(error.correlationId)) {
    const correlationId = error.correlationId.value
    yield* lookUntilFound(delivery, store.reject(correlationId, printable(`InvalidPayload: ${error.message}`)))
    yield* persist(queue.forgetStatus(correlationId))
  }
  yield* bury(delivery, "InvalidPayload", error.message, error.correlationId)
})

/** No row asks for this: the payload becomes a dead letter. */
export const refuseUnknown = (delivery: Delivery, error: UnknownJob) =>
  bury(delivery, "UnknownJob", "no such request in the database", Option.some(error.correlationId))

/** Done already, or being done: the payload goes, and nothing else happens. */
export const discardDuplicate = Effect.fnUntraced(function* (delivery: Delivery, error: Duplicate) {
  const queue = yield* JobQueue
  yield* persist(queue.remove(delivery))
  yield* count("duplicate")
  yield* Effect.logInfo(`duplicate: the request is ${error.status}`).pipe(
    Effect.annotateLogs("correlation_id", error.correlationId)
  )
})

const bury = Effect.fnUntraced(function* (
  delivery: Delivery,
  reason: DeadLetterReason,
  message: string,
  correlationId: Option.Option<string>
) {
  const queue = yield* JobQueue
  yield* persist(queue.deadLetter(delivery.payload, { reason, message, correlationId }))
  yield* persist(queue.remove(delivery))
  yield* count("dead_letter", { _tag: reason })
  yield* Effect.logWarning("dead letter").pipe(
    Effect.annotateLogs({
      ...Option.match(correlationId, { onNone: () => ({}), onSome: (id) => ({ correlation_id: id }) }),
      error_type: reason,
      error_message: message
    })
  )
})
