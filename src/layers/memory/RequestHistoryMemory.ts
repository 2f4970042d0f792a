import { DateTime, Effect, Option } from "effect"
import type { MinuteOutcomes, RequestSummary, SearchTerm } from "../../domain/History.ts"
import { countedDelivery, countedLoss } from "../../domain/Settlement.ts"
import { RequestHistory } from "../../services/RequestHistory.ts"
import { like, type Row } from "./Row.ts"

/** Rows of a list. */
const most = 100

const minute = 60_000

const millis = (at: Option.Option<DateTime.Utc>) => Option.getOrNull(Option.map(at, DateTime.toEpochMillis))

const summaryOf = (correlationId: string, { requestedAt, row, status, updatedAt }: Row): RequestSummary => ({
  correlationId,
  status,
  requestedAt: DateTime.toEpochMillis(requestedAt),
  updatedAt: millis(updatedAt),
  accountId: row.account_id,
  principal: row.principal,
  principalType: row.principal_type,
  action: row.action,
  entitlement: row.entitlement
})

const matches = (term: SearchTerm) => (it: RequestSummary) => {
  switch (term._tag) {
    case "Request":
      return it.correlationId === term.correlationId.toLowerCase()
    case "Account":
      return it.accountId === term.accountId
    case "Principal":
      return it.principal === term.principal
  }
}

type Outcome = Exclude<keyof MinuteOutcomes, "minute">

const [delivery, loss] = [like(countedDelivery), like(countedLoss)]

const outcomeOf = ({ log, status }: Row["audit"][number]): Outcome | undefined => {
  if (status === "SUCCESS") return "succeeded"
  if (status === "FAILED") return "failed"
  if (status !== "PENDING") return undefined
  return delivery.test(log) ? "requeued" : loss.test(log) ? "recovered" : undefined
}

/** `RequestHistory` of the rows of a `JobStore` in memory. */
export const requestHistoryOf = (rows: ReadonlyMap<string, Row>) => {
  const trail = (since: number) =>
    Array.from(rows).flatMap(([id, row]) =>
      row.audit.filter(({ at }) => DateTime.toEpochMillis(at) >= since).map((entry) => ({ id, row, entry }))
    )

  return RequestHistory.of({
    outcomes: (since) =>
      Effect.sync(() => {
        const minutes = new Map<number, MinuteOutcomes>()
        for (const { entry } of trail(since)) {
          const outcome = outcomeOf(entry)
          if (outcome === undefined) continue
          const start = Math.floor(DateTime.toEpochMillis(entry.at) / minute) * minute
          const counts = minutes.get(start) ?? { minute: start, succeeded: 0, failed: 0, requeued: 0, recovered: 0 }
          minutes.set(start, { ...counts, [outcome]: counts[outcome] + 1 })
        }
        return Array.from(minutes.values()).toSorted((a, b) => a.minute - b.minute)
      }),

    failures: (since) =>
      Effect.sync(() =>
        trail(since)
          .filter(({ entry }) => entry.status === "FAILED")
          .toSorted((a, b) => Number(b.entry.id - a.entry.id))
          .slice(0, most)
          .map(({ entry, id, row }) => ({
            ...summaryOf(id, row),
            auditId: String(entry.id),
            failedAt: DateTime.toEpochMillis(entry.at),
            reason: entry.log
          }))
      ),

    search: (term) =>
      Effect.sync(() =>
        Array.from(rows, ([id, row]) => summaryOf(id, row))
          .filter(matches(term))
          .toSorted((a, b) => (b.requestedAt ?? 0) - (a.requestedAt ?? 0))
          .slice(0, most)
      )
  })
}
