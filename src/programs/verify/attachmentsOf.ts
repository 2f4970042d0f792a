import { Duration, Effect } from "effect"
import type { Principal } from "../../domain/PolicyChange.ts"
import { AccountShares } from "../../services/AccountShares.ts"
import { AwsIam } from "../../services/AwsIam.ts"
import { WorkerConfig } from "../../services/Config.ts"
import { retrySchedule } from "../job/applyPolicy.ts"

/** From one principal to the next, at least: IAM's rate is the account's, and the workers need most of it. */
const pace = Duration.millis(100)

/**
 * ARNs of all that is attached to a principal; null: there is no such one. Where AWS throttles the account, it is asked as seldom as a worker
 * would.
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
