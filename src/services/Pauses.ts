import type { Effect } from "effect"
import { Context } from "effect"
import type { Pause, PauseScope } from "../domain/Pause.ts"
import type { RedisError } from "./Redis.ts"

/** The kill switch (contract §3), which every replica looks at. */
export class Pauses extends Context.Service<
  Pauses,
  {
    /** An entry that cannot be read counts as a pause of all: a damaged switch must not be open. */
    readonly all: Effect.Effect<ReadonlyArray<Pause>, RedisError>
    /** Instead of an earlier one of the same scope. */
    readonly pause: (pause: Pause) => Effect.Effect<void, RedisError>
    /** Whether there was such a pause. */
    readonly resume: (scope: PauseScope) => Effect.Effect<boolean, RedisError>
  }
>()("worker-service-aws/services/Pauses") {}
