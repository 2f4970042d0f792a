import { Cause, Duration, Effect, Random } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import type { RedisError } from "../services/Redis.ts"
import { logFailure } from "./persist.ts"

/**
 * Does a step again and again, whatever becomes of it, an `interval` after the last: a tenth more or less, so that replicas
 * that were started together do not stay together.
 */
export const repeatedly = <R>(interval: Duration.Duration, step: Effect.Effect<void, SqlError | RedisError, R>) => {
  const millis = Duration.toMillis(interval)
  return Effect.flatMap(Random.nextBetween(0.9 * millis, 1.1 * millis), (time) =>
    step.pipe(
      Effect.catch((error) => logFailure(error, Math.round(time))),
      Effect.catchDefect((defect) => Effect.logError("a fault in the worker", Cause.die(defect))),
      Effect.andThen(Effect.sleep(time))
    )
  ).pipe(Effect.forever)
}
