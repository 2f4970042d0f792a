import { Cause, Duration, Effect, Random } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import type { RedisError } from "../../services/Redis.ts"
import { logFailure } from "../job/persist.ts"

/** Milliseconds after which a step that failed is tried again: soon after a server's return, but without a flood of logs. */
const tryAgainAfter = 2_000

/**
 * Does a step again and again, whatever its outcome, an `interval` after the last: up to a tenth more or less, so that replicas
 * that were started together do not stay in step; or sooner, if the step answers after how many milliseconds there is more to do.
 */
export const repeatedly = <R>(
  interval: Duration.Duration,
  step: Effect.Effect<void | number, SqlError | RedisError, R>
) => {
  const millis = Duration.toMillis(interval)
  return Effect.flatMap(Random.nextBetween(0.9 * millis, 1.1 * millis), (time) =>
    step.pipe(
      Effect.map((more) => (typeof more === "number" ? Math.min(time, more) : time)),
      Effect.catch((error) => Effect.as(logFailure(error, tryAgainAfter), tryAgainAfter)),
      Effect.catchDefect((defect) =>
        Effect.as(Effect.logError("a fault in the worker", Cause.die(defect)), tryAgainAfter)
      ),
      Effect.flatMap(Effect.sleep)
    )
  ).pipe(Effect.forever)
}
