import { Effect, Option } from "effect"
import { reasonToLeave } from "../../domain/Access.ts"
import type { PolicyChange } from "../../domain/PolicyChange.ts"
import { leftAsItIs } from "../../domain/Settlement.ts"
import { type Claim, JobStore } from "../../services/JobStore.ts"
import { type Applied, applyPolicy } from "./applyPolicy.ts"
import { persist } from "./persist.ts"

/** Detaches what the grant attached, unless that has to stay. Meanwhile nothing on the key changes: no other request on it is claimed. */
export const endAccess = Effect.fnUntraced(function* (change: PolicyChange, claim: Claim, grantId: string) {
  const store = yield* JobStore
  const reason = reasonToLeave(grantId, yield* persist(store.history(claim)))
  if (Option.isNone(reason)) return yield* applyPolicy(change, claim)
  const left: Applied = { requestId: Option.none(), effected: `${leftAsItIs}${reason.value}` }
  return left
})
