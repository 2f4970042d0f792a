import { Effect } from "effect"
import { mayBeStale } from "../../domain/Access.ts"
import type { PolicyChange } from "../../domain/PolicyChange.ts"
import { NotNow } from "../../domain/Settlement.ts"
import { AccountShares } from "../../services/AccountShares.ts"
import { AwsIam } from "../../services/AwsIam.ts"
import { type Claim, JobStore } from "../../services/JobStore.ts"
import { persist } from "./persist.ts"

/**
 * Records whether the policy of a grant is attached, before the worker attaches it: if this worker is killed, the next one can no longer
 * tell. An attachment that IAM still lists although it was detached just now does not count.
 */
export const noteBefore = Effect.fnUntraced(function* (change: PolicyChange, claim: Claim) {
  const store = yield* JobStore
  const aws = yield* AwsIam
  const shares = yield* AccountShares
  const { value: listed } = yield* shares.call(change.accountId, aws.isAttached(change))
  const attached = listed && !mayBeStale(yield* persist(store.history(claim)))
  if (!(yield* persist(store.noteBefore(claim, attached)))) {
    return yield* new NotNow({ code: "LeaseOver", message: "the request is another worker's by now" })
  }
})
