import { Clock, Effect, Ref } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import { reasonOf } from "../domain/reasonOf.ts"
import type { RedisError } from "../services/Redis.ts"
import { WorkerStatus } from "../services/WorkerStatus.ts"

/** Milliseconds between two tries; PostgreSQL and Redis take seconds to restart or fail over. */
const firstDelay = 100
const maxDelay = 2_000

/**
 * Tries a step on PostgreSQL or Redis until it lands, whatever the error: an outage passes, a missing grant is mended, and
 * until then the job has nowhere better to be. Cannot be interrupted, since the step may have been carried out; it gives up,
 * by interrupting itself, when the drain is over.
 */
export const persist = <A, R>(step: Effect.Effect<A, SqlError | RedisError, R>) =>
  Effect.uninterruptible(attempt(step, firstDelay))

const attempt = <A, R>(
  step: Effect.Effect<A, SqlError | RedisError, R>,
  delay: number
): Effect.Effect<A, never, R | WorkerStatus> =>
  Effect.catch(step, (error) =>
    Effect.gen(function* () {
      yield* logFailure(error, delay)
      const endsAt = yield* Ref.get((yield* WorkerStatus).endsAt)
      if ((yield* Clock.currentTimeMillis) + delay > endsAt) return yield* Effect.interrupt
      yield* Effect.sleep(delay)
      return yield* attempt(step, Math.min(delay * 2, maxDelay))
    })
  )

/** `delay`: after how many milliseconds it is tried again. */
export const logFailure = (error: SqlError | RedisError, delay: number) =>
  Effect.logWarning(`will try again in ${delay} ms`).pipe(
    Effect.annotateLogs(
      error._tag === "SqlError"
        ? { error_type: `PostgreSQL ${error.reason._tag}`, error_message: reasonOf(error) }
        : { error_type: `Redis ${error.reason}`, error_message: `${error.command}: ${error.message}` }
    )
  )
