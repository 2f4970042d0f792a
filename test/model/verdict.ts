import { Effect, Option } from "effect"
import { countedLoss, lostTooManyLog, maxLosses } from "../../src/domain/Settlement.ts"
import { settings } from "./boot.ts"
import { keyOf, type Request } from "./ledger.ts"
import type { Shared } from "./shared.ts"

const isFinal = (status: string) => status === "SUCCESS" || status === "FAILED"

/** The order in which requests take effect on one key. */
const inOrder = (one: Request, other: Request) =>
  (one.committedAt ?? 0) - (other.committedAt ?? 0) || (one.job.correlation_id < other.job.correlation_id ? -1 : 1)

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

  const ordered = Array.from(requests.values()).toSorted(inOrder)
  const byKey = Map.groupBy(ordered, ({ job }) => keyOf(job))
  for (const [key, those] of byKey) {
    const rank = (id: string) => those.findIndex(({ job }) => job.correlation_id === id)
    const ranks = (applied.get(key) ?? []).map(({ correlationId }) => rank(correlationId))
    if (ranks.some((it, index) => it < (ranks[index - 1] ?? 0))) {
      broken.add(`the order: on ${key} AWS saw ${ranks.join(", ")}`)
    }
    // A request that failed may have taken effect or not.
    const wishes = new Set<boolean>()
    for (const { job } of those.toReversed()) {
      wishes.add(job.action === "add")
      if (statuses.get(job.correlation_id) === "SUCCESS") break
    }
    if (!those.some(({ job }) => statuses.get(job.correlation_id) === "SUCCESS")) wishes.add(false)
    const principal = those[0]?.job.principal ?? ""
    if (!wishes.has(attachments().some((it) => it.includes(`/${principal} `)))) {
      broken.add(`the last wish: ${key} is not as its last request wants it`)
    }
  }
  return Array.from(broken)
})
