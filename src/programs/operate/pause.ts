import { DateTime, Effect } from "effect"
import type { Intervention } from "../../domain/Intervention.ts"
import { Pause, type PauseScope } from "../../domain/Pause.ts"
import { Pauses } from "../../services/Pauses.ts"

/** Within a second no replica takes jobs of the scope any more; those in flight finish. */
export const pause = Effect.fnUntraced(function* (scope: PauseScope, { by, why }: Intervention) {
  const pauses = yield* Pauses
  yield* pauses.pause(new Pause({ scope, by, why, at: yield* DateTime.now }))
})
