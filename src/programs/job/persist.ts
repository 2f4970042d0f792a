import { Duration, Effect, Ref, Schedule } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import { reasonOf } from "../../domain/reasonOf.ts"
import type { RedisError } from "../../services/Redis.ts"
import { WorkerStatus } from "../../services/WorkerStatus.ts"

/** Between two attempts; PostgreSQL and Redis take seconds to restart or fail over. */
const firstDelay = Duration.millis(100)
const maxDelay = Duration.seconds(2)

/** At that pace one attempt in so many is logged: one every half a minute, however many jobs wait. */
const toldEvery = 15

/** For ever, or until the drain is over. */
const whileWorking = Schedule.exponential(firstDelay).pipe(
  Schedule.setInputType<SqlError | RedisError>(),
  Schedule.modifyDelay(({ duration }) => Effect.succeed(Duration.min(duration, maxDelay))),
  Schedule.tap(({ attempt, duration, input }) =>
    Duration.isLessThan(duration, maxDelay) || attempt % toldEvery === 0
      ? logFailure(input, Duration.toMillis(duration))
      : Effect.void
  ),
  Schedule.while(({ duration, now }) =>
    Effect.flatMap(WorkerStatus, ({ endsAt }) =>
      Effect.map(Ref.get(endsAt), (end) => now + Duration.toMillis(duration) <= end)
    )
  )
)

/**
 * Tries a step on PostgreSQL or Redis until it lands, whatever the error: an outage passes, a missing right gets granted, and
 * until then the job has nowhere better to be. Cannot be interrupted, since the step may have been carried out; it gives up,
 * by interrupting itself, when the drain is over.
 */
export const persist = <A, R>(step: Effect.Effect<A, SqlError | RedisError, R>) =>
  Effect.retry(step, whileWorking).pipe(
    Effect.catch(() => Effect.interrupt),
    Effect.uninterruptible
  )

/** `delay`: milliseconds until the next attempt. */
export const logFailure = (error: SqlError | RedisError, delay: number) =>
  Effect.logWarning(`will try again in ${delay} ms`).pipe(
    Effect.annotateLogs(
      error._tag === "SqlError"
        ? { error_type: `PostgreSQL ${error.reason._tag}`, error_message: reasonOf(error) }
        : { error_type: `Redis ${error.reason}`, error_message: `${error.command}: ${error.message}` }
    )
  )
