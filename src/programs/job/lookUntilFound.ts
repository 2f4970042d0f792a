import { Duration, Effect, Option } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import { monotonicMillis } from "../../domain/monotonicMillis.ts"
import { RedisConfig, WorkerConfig } from "../../services/Config.ts"
import { type Delivery, JobQueue } from "../../services/JobQueue.ts"
import { persist } from "./persist.ts"

/** Milliseconds; producers push a job some milliseconds before they commit its row. */
const lookAgainAfter = 100

/**
 * Runs a statement on the delivery's row until the row is visible, or `UNKNOWN_JOB_GRACE` has passed since it was first found
 * missing. Interrupted meanwhile, it gives the delivery back; unless the statement was never answered and so may have been carried out:
 * then the delivery stays where it is, as if its worker were lost.
 */
export const lookUntilFound = Effect.fnUntraced(function* <A>(
  delivery: Delivery,
  statement: Effect.Effect<Option.Option<A>, SqlError>
) {
  const queue = yield* JobQueue
  const { fetchMode } = yield* RedisConfig
  const { unknownJobGrace } = yield* WorkerConfig

  let unanswered = false
  const ask = Effect.suspend(() => {
    unanswered = true
    return Effect.tap(persist(statement), () => Effect.sync(() => (unanswered = false)))
  })
  const look = Effect.gen(function* () {
    // Not the wall clock: if that is set forward, a job would become a dead letter although its row comes in a moment.
    let asked = yield* monotonicMillis
    let found = yield* ask
    const giveUpAt = (yield* monotonicMillis) + Duration.toMillis(unknownJobGrace)
    // When it was asked, not answered: the row may have come while the answer, or this process, was held up.
    while (Option.isNone(found) && asked < giveUpAt) {
      yield* Effect.interruptible(Effect.sleep(lookAgainAfter))
      asked = yield* monotonicMillis
      found = yield* ask
    }
    return found
  })
  return yield* Effect.onInterrupt(look, () =>
    // In the queue, the next worker would take it for a duplicate of a claim that nobody has. In the mode `brpop` no list holds it.
    unanswered && fetchMode === "blmove" ? Effect.void : persist(queue.giveBack(delivery))
  )
})
