import { Duration, Effect } from "effect"
import type { Principal } from "../../domain/PolicyChange.ts"
import { AccountShares } from "../../services/AccountShares.ts"
import { AwsIam } from "../../services/AwsIam.ts"
import { WorkerConfig } from "../../services/Config.ts"
import { retrySchedule } from "../job/applyPolicy.ts"

/** At least this long from one principal to the next: all callers of an account share IAM's rate, and the workers need most of it. */
const pace = Duration.millis(100)

/**
 * ARNs of all that is attached to a principal; null: there is no such principal. An account that AWS throttles is called as slowly as a
 * worker would call it.
 */
export const attachmentsOf = Effect.fnUntraced(function* (principal: Principal) {
  const { attachedTo } = yield* AwsIam
  const shares = yield* AccountShares
  const settings = yield* WorkerConfig
  const list = shares.call(principal.accountId, attachedTo(principal))
  return yield* Effect.all([list, Effect.sleep(pace)], { concurrency: "unbounded" }).pipe(
    Effect.retry(retrySchedule(settings)),
    Effect.map(([{ value }]): ReadonlyArray<string> | null => value),
    Effect.catchTag("NoSuchEntity", () => Effect.succeed(null))
  )
})
