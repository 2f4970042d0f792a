import { Duration, Effect, Ref } from "effect"
import { WorkerStatus } from "../../services/WorkerStatus.ts"

const lookEvery = Duration.millis(100)

/** Passes at once, unless an operator paused all jobs: then as soon as they are resumed. */
export const awaitResume: Effect.Effect<void, never, WorkerStatus> = Effect.gen(function* () {
  const { paused } = yield* WorkerStatus
  while ((yield* Ref.get(paused)).all) yield* Effect.sleep(lookEvery)
})
