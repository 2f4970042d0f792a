import { Effect } from "effect"
import { RedisConfig } from "../../services/Config.ts"
import { Pauses } from "../../services/Pauses.ts"

/** The pauses that workers obey: none in the mode `brpop`, nor where the ACL does not let them look. */
export const pausesInForce = Effect.gen(function* () {
  const { fetchMode } = yield* RedisConfig
  const pauses = yield* Pauses
  if (fetchMode === "brpop") return []
  return yield* pauses.all.pipe(
    Effect.catchIf(
      (error) => error.reason === "Denied",
      () => Effect.succeed([])
    )
  )
})
