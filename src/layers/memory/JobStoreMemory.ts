import { Clock, Context, DateTime, Duration, Effect, Layer, Option } from "effect"
import { rebuildPayload, type RequestRecord, type RequestRow, type Status } from "../../domain/Request.ts"
import {
  auditLog,
  claimedBy,
  countedDelivery,
  countedLoss,
  doubtLogs,
  lostTooManyLog,
  recoveredLog,
  statusAfter
} from "../../domain/Settlement.ts"
import { ClaimResult, JobStore, RetryResult } from "../../services/JobStore.ts"
import { RequestHistory } from "../../services/RequestHistory.ts"
import { historyOf } from "./RequestHistoryMemory.ts"
import { type AuditRow, like, type Row } from "./rows.ts"

const counted = like(countedDelivery)
const lost = like(countedLoss)
const doubts = doubtLogs.map(like)

const touchedAt = ({ requestedAt, updatedAt }: Row) =>
  DateTime.toEpochMillis(Option.getOrElse(updatedAt, () => requestedAt))

const isRebuildable = ({ row }: Row) => row.principal_type !== null && row.entitlement_type !== null

const isOnKeyOf = (one: RequestRow) => (other: RequestRow) =>
  one.account_id === other.account_id && one.principal === other.principal && one.entitlement === other.entitlement

/** Requests of the same time come in the order of their ids. */
const isOlder = ([id, row]: readonly [string, Row], [otherId, other]: readonly [string, Row]) => {
  const apart = DateTime.toEpochMillis(row.requestedAt) - DateTime.toEpochMillis(other.requestedAt)
  return apart < 0 || (apart === 0 && id < otherId)
}

/** `JobStore`, and the `RequestHistory` of its requests, in this process's memory, with the labels and the columns of our schema. */
export const JobStoreMemory = Layer.syncContext(() => {
  const rows = new Map<string, Row>()
  let audits = 0n

  /** Changes the status and adds the audit row. */
  const advance = (id: string, row: Row, status: Status, log: string, references: ReadonlyArray<string> = []) =>
    Effect.map(DateTime.now, (now) => {
      const entry: AuditRow = { id: ++audits, status, at: now, log }
      rows.set(id, {
        ...row,
        status,
        updatedAt: Option.some(now),
        audit: [...row.audit, entry],
        references: [...row.references, ...references]
      })
      return entry.id
    })

  const touch = (id: string, row: Row, now: DateTime.Utc) => rows.set(id, { ...row, updatedAt: Option.some(now) })

  const store = JobStore.of({
    claim: Effect.fnUntraced(function* (job, { take, workerId }, { keepFresh, orphansBefore }) {
      const id = job.correlation_id
      const found = rows.get(id)
      if (found === undefined) return Option.none()
      const delivery = 1 + found.audit.filter(({ log }) => counted.test(log)).length
      const losses = found.audit.filter((entry) => lost.test(entry.log)).length
      const log = `Delivery ${delivery}${claimedBy(workerId, take)}`
      const doubtful = found.audit.some((entry) => doubts.some((doubt) => doubt.test(entry.log)))
      if (found.status === "PENDING") {
        const ahead = Array.from(rows).filter(
          ([otherId, other]) =>
            otherId !== id &&
            isOnKeyOf(found.row)(other.row) &&
            (other.status === "IN_PROGRESS" ||
              (other.status === "PENDING" &&
                isOlder([otherId, other], [id, found]) &&
                (isRebuildable(other) || touchedAt(other) >= orphansBefore)))
        ).length
        if (ahead > 0) {
          const now = yield* DateTime.now
          if (touchedAt(found) < DateTime.toEpochMillis(now) - Duration.toMillis(keepFresh)) touch(id, found, now)
          return Option.some(ClaimResult.Blocked({ ahead }))
        }
        const { row } = found
        const agrees = (["principal", "action", "entitlement", "account_id"] as const).every(
          (it) => row[it] === job[it]
        )
        const filled: RequestRow = agrees
          ? {
              ...row,
              principal_type: row.principal_type ?? job.principal_type,
              entitlement_type: row.entitlement_type ?? job.entitlement_type,
              duration_minutes: row.duration_minutes ?? job.duration_minutes ?? null
            }
          : row
        const token = yield* advance(id, { ...found, row: filled }, "IN_PROGRESS", log)
        const claim = { correlationId: id, token, delivery, losses, doubtful, row: filled }
        return Option.some(ClaimResult.Claimed({ claim }))
      }
      const before = found.audit.find((entry) => entry.log === log)
      return Option.some(
        found.status === "IN_PROGRESS" && before !== undefined
          ? ClaimResult.Claimed({
              claim: { correlationId: id, token: before.id, delivery, losses, doubtful, row: found.row }
            })
          : ClaimResult.NotPending({ status: found.status })
      )
    }),

    settle: Effect.fnUntraced(function* ({ correlationId, token }, settlement) {
      const found = rows.get(correlationId)
      if (found === undefined) return false
      const status = statusAfter(settlement)
      const log = auditLog(settlement)
      const later = found.audit.filter((entry) => entry.id > token)
      if (found.status === "IN_PROGRESS" && !later.some((entry) => entry.status === "IN_PROGRESS")) {
        const references = settlement._tag === "Succeeded" ? Option.toArray(settlement.requestId) : []
        yield* advance(correlationId, found, status, log, references)
        return true
      }
      return later.some((entry) => entry.status === status && entry.log === log)
    }),

    heartbeat: Effect.fnUntraced(function* (claims) {
      const now = yield* DateTime.now
      return claims.flatMap(({ correlationId: id, token }) => {
        const found = rows.get(id)
        const ours =
          found?.status === "IN_PROGRESS" &&
          !found.audit.some((entry) => entry.id > token && entry.status === "IN_PROGRESS")
        if (ours) touch(id, found, now)
        return ours ? [token] : []
      })
    }),

    recover: Effect.fnUntraced(function* (lease, maxLosses) {
      const before = (yield* Clock.currentTimeMillis) - Duration.toMillis(lease)
      const found = Array.from(rows).filter(([, row]) => row.status === "IN_PROGRESS" && touchedAt(row) < before)
      return Option.some(
        yield* Effect.forEach(found, ([id, row]) => {
          const losses = 1 + row.audit.filter((entry) => lost.test(entry.log)).length
          const status = losses >= maxLosses ? "FAILED" : "PENDING"
          return Effect.as(advance(id, row, status, status === "FAILED" ? lostTooManyLog : recoveredLog), {
            correlationId: id,
            status
          } as const)
        })
      )
    }),

    standings: (ids) =>
      Effect.sync(() =>
        ids.flatMap((correlationId) => {
          const found = rows.get(correlationId)
          if (found === undefined) return []
          const lostTooMany = found.status === "FAILED" && found.audit.some(({ log }) => log === lostTooManyLog)
          return [{ correlationId, status: found.status, lostTooMany }]
        })
      ),

    oldestOf: (ids) =>
      Effect.sync(() => {
        const times = ids.flatMap((id) => Option.toArray(Option.fromUndefinedOr(rows.get(id)?.requestedAt)))
        return times.length === 0 ? Option.none() : Option.some(Math.min(...times.map(DateTime.toEpochMillis)))
      }),

    orphans: Effect.fnUntraced(function* (before) {
      const now = yield* DateTime.now
      const found = Array.from(rows).filter(([, row]) => row.status === "PENDING" && touchedAt(row) < before)
      const rebuildable = found.filter(([, row]) => isRebuildable(row))
      for (const [id, row] of rebuildable) touch(id, row, now)
      return {
        rebuilt: rebuildable.flatMap(([id, { clientRequestId, requestedAt, row }]) =>
          Option.toArray(rebuildPayload(id, { clientRequestId, requestedAt: Option.some(requestedAt), row }))
        ),
        left: found.length - rebuildable.length
      }
    }),

    reject: Effect.fnUntraced(function* (id, log) {
      const found = rows.get(id)
      if (found?.status === "PENDING") yield* advance(id, found, "FAILED", log)
      return Option.fromUndefinedOr(found?.status)
    }),

    retry: Effect.fnUntraced(function* (id, log) {
      const found = rows.get(id)
      if (found === undefined) return Option.none()
      if (found.status !== "FAILED") return Option.some(RetryResult.NotFailed({ status: found.status }))
      const later = Array.from(rows)
        .filter(
          ([otherId, other]) =>
            isOnKeyOf(found.row)(other.row) &&
            (other.status === "IN_PROGRESS" || other.status === "SUCCESS") &&
            isOlder([id, found], [otherId, other])
        )
        .toSorted((one, other) => (isOlder(one, other) ? 1 : -1))[0]
      if (later !== undefined) {
        return Option.some(RetryResult.Overtaken({ by: later[0], status: later[1].status }))
      }
      yield* advance(id, found, "PENDING", log)
      return Option.some(RetryResult.Retried())
    }),

    inFlight: Effect.sync(() => {
      const counts = new Map<string, number>()
      for (const { row, status } of rows.values()) {
        if (status === "IN_PROGRESS") counts.set(row.account_id, 1 + (counts.get(row.account_id) ?? 0))
      }
      return Array.from(counts, ([accountId, count]) => ({ accountId, count })).toSorted(
        (one, other) => other.count - one.count || (one.accountId < other.accountId ? -1 : 1)
      )
    }),

    submit: Effect.fnUntraced(function* (job) {
      const now = yield* Effect.map(Clock.currentTimeMillis, DateTime.makeUnsafe)
      rows.set(job.correlation_id, {
        row: {
          principal: job.principal,
          action: job.action,
          entitlement: job.entitlement,
          account_id: job.account_id,
          principal_type: job.principal_type,
          entitlement_type: job.entitlement_type,
          duration_minutes: job.duration_minutes ?? null
        },
        clientRequestId: job.client_request_id ?? null,
        status: "PENDING",
        requestedAt: now,
        updatedAt: Option.none(),
        audit: [{ id: ++audits, status: "PENDING", at: now, log: "Submitted" }],
        references: []
      })
    }),

    find: (id) =>
      Effect.sync(() =>
        Option.map(
          Option.fromUndefinedOr(rows.get(id)),
          ({ audit, clientRequestId, references, requestedAt, row, status, updatedAt }): RequestRecord => ({
            status,
            standing: status,
            clientRequestId,
            row,
            requestedAt: Option.some(requestedAt),
            updatedAt,
            audit: audit.map((entry) => ({ ...entry, at: Option.some(entry.at) })),
            references
          })
        )
      ),
    ping: Effect.void
  })

  return Context.make(JobStore, store).pipe(Context.add(RequestHistory, historyOf(rows)))
})
