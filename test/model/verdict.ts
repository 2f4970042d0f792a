import { Effect, Option } from "effect"
import { countedLoss, lostTooManyLog, maxLosses } from "../../src/domain/Settlement.ts"
import { settings } from "./boot.ts"
import { keyOf, type Request } from "./ledger.ts"
import type { Shared } from "./shared.ts"

const isFinal = (status: string) => status === "SUCCESS" || status === "FAILED"

/** The order in which requests take effect on one key. */
const inOrder = (one: Request, other: Request) =>
  (one.committedAt ?? 0) - (other.committedAt ?? 0) || (one.job.correlation_id < other.job.correlation_id ? -1 : 1)

/** Whether the policy may be attached in the end, and whether it may not: of a request that failed nobody knows if it took effect. */
const wishesOf = (finals: ReadonlyArray<Request>, statuses: ReadonlyMap<string, string>): ReadonlySet<boolean> => {
  const reasons = new Set<string>()
  let wishes = new Set([false])
  /** Something may have attached it that is no reason. */
  let stray = false
  for (const { ends, job } of finals) {
    const id = job.correlation_id
    const succeeded = statuses.get(id) === "SUCCESS"
    if (ends !== null) {
      reasons.delete(ends)
      stray ||= !succeeded
      if (reasons.size === 0) wishes = new Set(stray ? [true, false] : [false])
    } else if (!succeeded) {
      // One for a time has an end of its own, if it may have taken effect.
      if (job.action === "add" && job.duration_minutes !== undefined) continue
      wishes.add(job.action === "add")
      stray ||= job.action === "add"
    } else if (job.action === "add") {
      reasons.add(id)
      wishes = new Set([true])
    } else {
      reasons.clear()
      wishes = new Set([false])
      stray = false
    }
  }
  return wishes
}

/** The invariants that hold when everything has come to its end, and those that were broken before. */
export const verdict = Effect.fnUntraced(function* ({ attachments, ledger, payloadsLeft, store }: Shared) {
  const { applied, broken, label, requests } = ledger
  const statuses = new Map<string, string>()

  for (const [id] of requests) {
    const { audit, status } = Option.getOrThrow(yield* store.find(id))
    statuses.set(id, status)
    const last = audit.at(-1)
    if (!isFinal(status)) broken.add(`a place: ${label(id)} never came to its end (${status})`)
    if (audit.filter((entry) => isFinal(entry.status)).length > 1) broken.add(`a final status once: ${label(id)}`)
    if (isFinal(status) && last?.status !== status) broken.add(`a final status once: ${label(id)} went on`)
    const starts = audit.flatMap((entry, index) => (entry.status === "IN_PROGRESS" ? [index] : []))
    if (starts.some((index) => audit[index + 1]?.status === "IN_PROGRESS")) {
      broken.add(`one owner: ${label(id)} was claimed twice`)
    }
    if (status !== "FAILED") continue
    const losses = audit.filter(({ log }) => log.startsWith(countedLoss.replace("%", ""))).length
    const transient = audit.filter(({ log }) => log.includes(" ended transiently: ")).length
    const stated = last?.log === lostTooManyLog ? losses === maxLosses - 1 : transient === settings.maxDeliveries - 1
    if (!stated) broken.add(`a stated reason: ${label(id)} failed with "${last?.log}"`)
  }

  if ((yield* payloadsLeft) > 0) broken.add("a place: Redis still holds payloads of requests that are done")

  const submitted = Array.from(requests.values()).filter(({ ends }) => ends === null)
  const byKey = Map.groupBy(submitted.toSorted(inOrder), ({ job }) => keyOf(job))
  for (const [key, those] of byKey) {
    const rank = (id: string) => those.findIndex(({ job }) => job.correlation_id === id)
    // The end of a grant comes in its time, not in its order.
    const ranks = (applied.get(key) ?? [])
      .filter(({ correlationId }) => requests.get(correlationId)?.ends === null)
      .map(({ correlationId }) => rank(correlationId))
    if (ranks.some((it, index) => it < (ranks[index - 1] ?? 0))) {
      broken.add(`the order: on ${key} AWS saw ${ranks.join(", ")}`)
    }
    const finals = ledger.finals.filter(({ job }) => keyOf(job) === key)
    const principal = those[0]?.job.principal ?? ""
    if (!wishesOf(finals, statuses).has(attachments().some((it) => it.includes(`/${principal} `)))) {
      broken.add(`the last wish: ${key} is not as its requests want it`)
    }
  }
  return Array.from(broken)
})
