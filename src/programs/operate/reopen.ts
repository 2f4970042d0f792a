import { Effect, Option } from "effect"
import { type Intervention, retriedLog } from "../../domain/Intervention.ts"
import { Refused } from "../../domain/Refused.ts"
import type { RequestRecord } from "../../domain/Request.ts"
import { JobStore } from "../../services/JobStore.ts"
import { UnknownRequest } from "./status.ts"

/** FAILED → PENDING. Its job is still to be pushed. */
export const reopen = Effect.fnUntraced(function* (id: string, intervention: Intervention) {
  const store = yield* JobStore
  const result = yield* store.retry(id, retriedLog(intervention))
  if (Option.isNone(result)) return yield* new UnknownRequest({ id })
  switch (result.value._tag) {
    case "Retried":
      return
    case "NotFailed":
      return yield* new Refused({
        reason: `request ${id} is now ${result.value.status}`,
        remedy: `See what became of it: status ${id}`
      })
    case "Overtaken":
      return yield* new Refused({
        reason:
          `request ${result.value.by}, which is later and on the same account, principal and entitlement, is ` +
          `${result.value.status}; carried out now, ${id} would come after it`,
        remedy: "If that is what is wanted, have it requested again"
      })
  }
})

/** Why the job of a request that is not FAILED must not be pushed again. */
export const refuseUnfit = (id: string, { standing, status }: Pick<RequestRecord, "standing" | "status">) =>
  new Refused({ reason: `request ${id} is ${status}`, remedy: remedies[standing](id) })

const remedies: Readonly<Record<RequestRecord["standing"], (id: string) => string>> = {
  PENDING: () =>
    "It waits for a worker already; one without a job gets a new one after ORPHAN_AFTER, if its row says enough",
  IN_PROGRESS: (id) =>
    `A worker has it (status ${id} tells which); should that one be lost, it is pending again after JOB_LEASE`,
  SUCCESS: () => "It is done; to do it once more, have it requested again",
  FAILED: (id) => `To put it back, say who wants it and why: retry ${id} --by WHO --why TEXT`,
  other: () => "Only the system that wrote that knows what it means"
}
