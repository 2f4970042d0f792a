import { Effect, Option, Ref } from "effect"
import { JobQueue } from "../../services/JobQueue.ts"
import { WorkerStatus } from "../../services/WorkerStatus.ts"
import { logFailure } from "../job/persist.ts"
import { announce } from "./stayAlive.ts"

/** Milliseconds between two attempts while Redis is away. */
const tryAgainAfter = 500

/**
 * Waits up to a second for payloads, up to `most`. The take itself is never interrupted, since that could lose a payload; the wait after a
 * failed one is. The fault is kept for the probes. After a fault Redis may have come back empty, so this worker first makes itself
 * known there again: if it were killed before its next heartbeat, nobody would look for what it took. Where the ACL forbids that, jobs
 * are taken all the same, as at the start.
 */
export const takeNext = Effect.fnUntraced(function* (most: number) {
  const queue = yield* JobQueue
  const { fetchFault } = yield* WorkerStatus
  const knownAgain = Option.isSome(yield* Ref.get(fetchFault)) ? announceIfAllowed : Effect.void
  return yield* Effect.uninterruptible(Effect.andThen(knownAgain, queue.take(most))).pipe(
    Effect.tap(() => Ref.set(fetchFault, Option.none())),
    Effect.catch((error) =>
      Ref.set(fetchFault, Option.some(error.message)).pipe(
        Effect.andThen(logFailure(error, tryAgainAfter)),
        Effect.andThen(Effect.interruptible(Effect.sleep(tryAgainAfter))),
        Effect.as([])
      )
    )
  )
})

const announceIfAllowed = Effect.catchIf(
  announce,
  (error) => error.reason === "Denied",
  () => Effect.void
)
