import { Effect } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import type { RedisError } from "../services/Redis.ts"

/** Milliseconds between two tries; PostgreSQL and Redis take seconds to restart or fail over. */
const firstDelay = 100
const maxDelay = 2_000

/**
 * Tries a step on PostgreSQL or Redis until it lands, whatever the error: an outage passes, a missing grant is mended, and
 * until then the job has nowhere better to be. The step itself is never interrupted, since it may have been carried out;
 * the waits between two tries are.
 */
export const persist = <A, R>(step: Effect.Effect<A, SqlError | RedisError, R>): Effect.Effect<A, never, R> =>
  attempt(Effect.uninterruptible(step), firstDelay)

const attempt = <A, R>(step: Effect.Effect<A, SqlError | RedisError, R>, delay: number): Effect.Effect<A, never, R> =>
  Effect.catch(step, (error) =>
    Effect.logWarning(`will try again in ${delay} ms`).pipe(
      Effect.annotateLogs(describe(error)),
      Effect.andThen(Effect.interruptible(Effect.sleep(delay))),
      Effect.andThen(Effect.suspend(() => attempt(step, Math.min(delay * 2, maxDelay))))
    )
  )

const describe = (error: SqlError | RedisError) =>
  error._tag === "SqlError"
    ? { error_type: `PostgreSQL ${error.reason._tag}`, error_message: causeMessage(error) }
    : { error_type: `Redis ${error.reason}`, error_message: error.message }

const causeMessage = ({ message, reason: { cause } }: SqlError): string =>
  cause instanceof Error ? cause.message : message
