import { Effect } from "effect"
import type { Redis } from "../../services/Redis.ts"
import type { keysOf } from "./keys.ts"

/** Up to `most` accounts for which payloads are parked, in no particular order. Where the ACL forbids the question, nobody parks. */
export const parkedAccounts = (redis: Redis["Service"], keys: ReturnType<typeof keysOf>, most: number) =>
  redis.someOf(keys.parkedAccounts, most).pipe(
    Effect.catchIf(
      (error) => error.reason === "Denied",
      () => Effect.succeed<ReadonlyArray<string>>([])
    )
  )
