import { Duration, Effect, Option } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import { monotonicMillis } from "../domain/monotonicMillis.ts"
import { WorkerConfig } from "../services/Config.ts"
import { type Delivery, JobQueue } from "../services/JobQueue.ts"
import { persist } from "./persist.ts"

/** Milliseconds; producers push a job some milliseconds before they commit its row (contract §1). */
const lookAgainAfter = 100

/**
 * Runs a statement on the delivery's row until the row is visible, or `UNKNOWN_JOB_GRACE` has passed since it was first seen to
 * be missing. Interrupted meanwhile, it gives the delivery back.
 */
export const lookUntilFound = Effect.fnUntraced(function* <A>(
  delivery: Delivery,
  statement: Effect.Effect<Option.Option<A>, SqlError>
) {
  const queue = yield* JobQueue
  const { unknownJobGrace } = yield* WorkerConfig

  const look = Effect.gen(function* () {
    // Not the wall clock: set forward, it would bury a job whose row comes in a moment.
    let asked = yield* monotonicMillis
    let found = yield* persist(statement)
    const giveUpAt = (yield* monotonicMillis) + Duration.toMillis(unknownJobGrace)
    // When it was asked, not answered: the row may have come while the answer, or this process, was held up.
    while (Option.isNone(found) && asked < giveUpAt) {
      yield* Effect.interruptible(Effect.sleep(lookAgainAfter))
      asked = yield* monotonicMillis
      found = yield* persist(statement)
    }
    return found
  })
  return yield* Effect.onInterrupt(look, () => persist(queue.giveBack(delivery)))
})
