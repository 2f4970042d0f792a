import { Clock, Effect } from "effect"

/** Milliseconds of a clock that nobody sets, for measuring how much time has passed. */
export const monotonicMillis = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos / 1_000n) / 1_000)
