import { Clock, DateTime, Effect, Layer, Option } from "effect"
import type { RequestRecord, RequestRow, Status } from "../../domain/Request.ts"
import { auditLog, claimedBy, countedDelivery, statusAfter } from "../../domain/Settlement.ts"
import { ClaimResult, JobStore } from "../../services/JobStore.ts"

interface AuditRow {
  readonly id: bigint
  readonly status: Status
  readonly at: DateTime.Utc
  readonly log: string
}

interface Row {
  readonly row: RequestRow
  readonly status: Status
  readonly requestedAt: DateTime.Utc
  readonly updatedAt: Option.Option<DateTime.Utc>
  readonly audit: ReadonlyArray<AuditRow>
  readonly references: ReadonlyArray<string>
}

const counted = new RegExp(`^${countedDelivery.replaceAll("%", ".*")}$`)

/** `JobStore` in this process's memory, with the labels and the columns of our schema. */
export const JobStoreMemory = Layer.sync(JobStore, () => {
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

  return JobStore.of({
    claim: Effect.fnUntraced(function* (job, { take, workerId }) {
      const id = job.correlation_id
      const found = rows.get(id)
      if (found === undefined) return Option.none()
      const delivery = 1 + found.audit.filter(({ log }) => counted.test(log)).length
      const log = `Delivery ${delivery}${claimedBy(workerId, take)}`
      if (found.status === "PENDING") {
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
        return Option.some(ClaimResult.Claimed({ claim: { correlationId: id, token, delivery, row: filled } }))
      }
      const before = found.audit.find((entry) => entry.log === log)
      return Option.some(
        found.status === "IN_PROGRESS" && before !== undefined
          ? ClaimResult.Claimed({ claim: { correlationId: id, token: before.id, delivery, row: found.row } })
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

    reject: Effect.fnUntraced(function* (id, log) {
      const found = rows.get(id)
      if (found?.status === "PENDING") yield* advance(id, found, "FAILED", log)
      return Option.fromUndefinedOr(found?.status)
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
          ({ audit, references, requestedAt, row, status, updatedAt }): RequestRecord => ({
            status,
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
})
