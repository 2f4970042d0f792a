import type { Effect } from "effect"
import { Context } from "effect"
import type { Pause, PauseScope } from "../domain/Pause.ts"
import type { RedisError } from "./Redis.ts"

/** The kill switch, which every replica looks at. */
export class Pauses extends Context.Service<
  Pauses,
  {
    /** An entry that cannot be read counts as a pause of all jobs: a damaged kill switch must not let them through. */
    readonly all: Effect.Effect<ReadonlyArray<Pause>, RedisError>
    /** Replaces an earlier one of the same scope. */
    readonly pause: (pause: Pause) => Effect.Effect<void, RedisError>
    /** Whether there was such a pause. */
    readonly resume: (scope: PauseScope) => Effect.Effect<boolean, RedisError>
  }
>()("worker-service-aws/services/Pauses") {}
