import { Effect, Option } from "effect"
import { DeadLetters, type StoredLetter } from "../../services/DeadLetters.ts"
import { JobQueue } from "../../services/JobQueue.ts"
import { NotPushed } from "./submit.ts"

/**
 * Pushes the payload of a PENDING request, behind all that wait, and then removes the dead letter that held it. In this order, and not in
 * one MULTI, since the dead letters are in another slot of Redis Cluster: a crash in between leaves a duplicate, which the claim makes
 * harmless.
 */
export const resubmit = Effect.fnUntraced(function* (
  id: string,
  payload: Uint8Array,
  letter: Option.Option<StoredLetter>
) {
  const queue = yield* JobQueue
  const deadLetters = yield* DeadLetters
  yield* Effect.mapError(queue.submit(payload), ({ message }) => new NotPushed({ id, reason: message }))
  if (Option.isSome(letter)) yield* deadLetters.drop(letter.value)
  yield* queue.forgetStatus(id)
})
