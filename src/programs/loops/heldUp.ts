import { Effect, Option, Ref } from "effect"
import { WorkerStatus } from "../../services/WorkerStatus.ts"

/** Whether no jobs are to be taken although the worker runs: AWS refuses the worker itself, or an operator paused all. */
export const isHeldUp = Effect.gen(function* () {
  const { credentialsFault, paused } = yield* WorkerStatus
  return Option.isSome(yield* Ref.get(credentialsFault)) || (yield* Ref.get(paused)).all
})
