import { Clock, Context, DateTime, Duration, Effect, Layer, Option } from "effect"
import { submittedLog } from "../../domain/Intervention.ts"
import { isTemporary, type RequestRecord, type RequestRow } from "../../domain/Request.ts"
import {
  auditLog,
  claimedBy,
  countedDelivery,
  countedLoss,
  doubtLogs,
  isInDoubt,
  lostTooManyLog,
  recoveredLog,
  statusAfter
} from "../../domain/Settlement.ts"
import { AccessRecords } from "../../services/AccessRecords.ts"
import { AuditTrails } from "../../services/AuditTrails.ts"
import { Grants } from "../../services/Grants.ts"
import { type Claim, ClaimResult, JobStore, RetryResult } from "../../services/JobStore.ts"
import { RequestHistory } from "../../services/RequestHistory.ts"
import { accessRecordsOf } from "./accessRecordsOf.ts"
import { auditTrailsOf } from "./auditTrailsOf.ts"
import { grantsOf } from "./grantsOf.ts"
import { makeTable } from "./makeTable.ts"
import { requestHistoryOf } from "./RequestHistoryMemory.ts"
import { historyOf, isDue, isHeld, isOlder, isOnKeyOf, isRebuildable, like, payloadOf, touchedAt } from "./Row.ts"

const counted = like(countedDelivery)
const lost = like(countedLoss)
const doubts = doubtLogs.map(like)

/** `JobStore`, and the `AccessRecords`, the `AuditTrails`, the `Grants` and the `RequestHistory` of its requests, in this process's memory, with the labels and the columns of our schema. */
export const JobStoreMemory = Layer.effectContext(
  Effect.sync(() => {
    const { add, advance, endDoubt, note, rows, touch, writeEnd } = makeTable()
    const store = JobStore.of({
      claim: Effect.fnUntraced(function* (job, { take, workerId }, { keepFresh, orphansBefore }) {
        const id = job.correlation_id
        const found = rows.get(id)
        if (found === undefined) return Option.none()
        const delivery = 1 + found.audit.filter(({ log }) => counted.test(log)).length
        const losses = found.audit.filter((entry) => lost.test(entry.log)).length
        const log = `Delivery ${delivery}${claimedBy(workerId, take)}`
        const doubtful = found.audit.some((entry) => doubts.some((doubt) => doubt.test(entry.log)))
        const time = yield* Clock.currentTimeMillis
        const common: Omit<Claim, "token"> = {
          correlationId: id,
          delivery,
          losses,
          doubtful,
          row: found.row,
          ends:
            found.parentId === null || found.row.action === "add"
              ? null
              : { grantId: found.parentId, overdue: time - (found.notBefore ?? time) },
          attachedBefore: found.attachedBefore
        }
        if (found.status === "PENDING") {
          if (!isDue(found, time)) return Option.some(ClaimResult.Early())
          const ahead = Array.from(rows).filter(
            ([otherId, other]) =>
              otherId !== id &&
              isOnKeyOf(found.row)(other.row) &&
              isDue(other, time) &&
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
          return Option.some(ClaimResult.Claimed({ claim: { ...common, token, row: filled } }))
        }
        const before = found.audit.find((entry) => entry.log === log)
        return Option.some(
          found.status === "IN_PROGRESS" && before !== undefined
            ? ClaimResult.Claimed({ claim: { ...common, token: before.id } })
            : ClaimResult.NotPending({ status: found.status })
        )
      }),

      settle: Effect.fnUntraced(function* ({ correlationId, doubtful, token }, settlement) {
        const found = rows.get(correlationId)
        if (found === undefined) return false
        const status = statusAfter(settlement)
        const log = auditLog(settlement)
        if (isHeld(found, token)) {
          const references = settlement._tag === "Succeeded" ? Option.toArray(settlement.requestId) : []
          yield* advance(correlationId, found, status, log, references)
          if (status === "SUCCESS" && isTemporary(found.row)) {
            const minutes = found.row.duration_minutes ?? 0
            yield* writeEnd(correlationId, found, (yield* Clock.currentTimeMillis) + minutes * 60_000)
          }
          if (status === "FAILED" && (doubtful || isInDoubt(settlement))) yield* endDoubt(correlationId, found)
          return true
        }
        return found.audit.some((entry) => entry.id > token && entry.status === status && entry.log === log)
      }),

      endsAccess: true,

      noteBefore: Effect.fnUntraced(function* ({ correlationId, token }, attached) {
        const found = rows.get(correlationId)
        if (found === undefined || !isHeld(found, token)) return false
        touch(correlationId, { ...found, attachedBefore: found.attachedBefore ?? attached }, yield* DateTime.now)
        return true
      }),

      history: Effect.fnUntraced(function* ({ correlationId }) {
        const asked = rows.get(correlationId)
        return asked === undefined ? [] : historyOf(rows, correlationId, asked, yield* Clock.currentTimeMillis)
      }),

      due: Effect.fnUntraced(function* (before) {
        const now = yield* DateTime.now
        const time = DateTime.toEpochMillis(now)
        const timed = Array.from(rows).flatMap(([id, row]) =>
          row.status === "PENDING" && row.notBefore !== null ? [{ id, row, notBefore: row.notBefore }] : []
        )
        const found = timed
          .filter(({ notBefore, row }) => notBefore <= time && isRebuildable(row))
          .filter(
            ({ notBefore, row }) =>
              Option.isNone(row.updatedAt) || touchedAt(row) < notBefore || touchedAt(row) < before
          )
          .toSorted((one, other) => other.notBefore - one.notBefore || (one.id < other.id ? 1 : -1))
        for (const { id, row } of found) touch(id, row, now)
        const next = Math.min(...timed.map(({ notBefore }) => notBefore).filter((notBefore) => notBefore > time))
        return {
          payloads: found.map(({ id, row }) => payloadOf(id, row)),
          next: Number.isFinite(next) ? Option.some(next - time) : Option.none()
        }
      }),

      heartbeat: Effect.fnUntraced(function* (claims) {
        const now = yield* DateTime.now
        return claims.flatMap(({ correlationId: id, token }) => {
          const found = rows.get(id)
          if (found === undefined || !isHeld(found, token)) return []
          touch(id, found, now)
          return [token]
        })
      }),

      recover: Effect.fnUntraced(function* (lease, maxLosses) {
        const before = (yield* Clock.currentTimeMillis) - Duration.toMillis(lease)
        const found = Array.from(rows).filter(([, row]) => row.status === "IN_PROGRESS" && touchedAt(row) < before)
        return Option.some(
          yield* Effect.forEach(found, ([id, row]) => {
            const losses = 1 + row.audit.filter((entry) => lost.test(entry.log)).length
            const status = losses >= maxLosses ? "FAILED" : "PENDING"
            return advance(id, row, status, status === "FAILED" ? lostTooManyLog : recoveredLog).pipe(
              Effect.andThen(status === "FAILED" ? endDoubt(id, row) : Effect.void),
              Effect.as({ correlationId: id, status } as const)
            )
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
        const found = Array.from(rows).filter(
          ([, row]) => row.status === "PENDING" && row.notBefore === null && touchedAt(row) < before
        )
        const rebuildable = found.filter(([, row]) => isRebuildable(row))
        for (const [id, row] of rebuildable) touch(id, row, now)
        return {
          rebuilt: rebuildable.map(([id, row]) => payloadOf(id, row)),
          left: found.length - rebuildable.length
        }
      }),

      reject: Effect.fnUntraced(function* (id, log) {
        const found = rows.get(id)
        if (found?.status === "PENDING") {
          yield* advance(id, found, "FAILED", log)
          yield* endDoubt(id, found)
        }
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

      submit: (job, intervention) =>
        add(
          job.correlation_id,
          {
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
            notBefore: null,
            parentId: null
          },
          submittedLog(intervention)
        ),

      find: (id) =>
        Effect.sync(() =>
          Option.map(Option.fromUndefinedOr(rows.get(id)), (found): RequestRecord => ({
            status: found.status,
            standing: found.status,
            clientRequestId: found.clientRequestId,
            row: found.row,
            payload: isRebuildable(found) ? Option.some(payloadOf(id, found)) : Option.none(),
            requestedAt: Option.some(found.requestedAt),
            updatedAt: found.updatedAt,
            audit: found.audit.map((entry) => ({ ...entry, at: Option.some(entry.at) })),
            references: found.references
          }))
        ),
      ping: Effect.void
    })

    return Context.make(JobStore, store).pipe(
      Context.add(AccessRecords, accessRecordsOf(rows)),
      Context.add(AuditTrails, auditTrailsOf(rows)),
      Context.add(Grants, grantsOf(rows, note)),
      Context.add(RequestHistory, requestHistoryOf(rows))
    )
  })
)
