import { Clock, Duration, Effect, Option } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import { WorkerConfig } from "../services/Config.ts"
import { type Delivery, JobQueue } from "../services/JobQueue.ts"
import { persist } from "./persist.ts"

/** Milliseconds; producers push a job some milliseconds before they commit its row (contract §1). */
const lookAgainAfter = 100

/**
 * Runs a statement on the delivery's row until the row is visible or `UNKNOWN_JOB_GRACE` is over. Interrupted meanwhile, it
 * gives the delivery back.
 */
export const lookUntilFound = Effect.fnUntraced(function* <A>(
  delivery: Delivery,
  statement: Effect.Effect<Option.Option<A>, SqlError>
) {
  const queue = yield* JobQueue
  const { unknownJobGrace } = yield* WorkerConfig
  const giveUpAt = (yield* Clock.currentTimeMillis) + Duration.toMillis(unknownJobGrace)

  const look: Effect.Effect<Option.Option<A>> = Effect.gen(function* () {
    const found = yield* persist(statement)
    if (Option.isSome(found) || (yield* Clock.currentTimeMillis) >= giveUpAt) return found
    yield* Effect.interruptible(Effect.sleep(lookAgainAfter))
    return yield* look
  })
  return yield* Effect.onInterrupt(look, () => persist(queue.giveBack(delivery)))
})
