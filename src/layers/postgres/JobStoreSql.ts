import { Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import type { Job } from "../../domain/Job.ts"
import type { RequestRow } from "../../domain/Request.ts"
import { auditLog, claimedBy, statusAfter } from "../../domain/Settlement.ts"
import { ClaimResult, JobStore } from "../../services/JobStore.ts"
import { readDialect } from "./catalog.ts"
import { findRequest } from "./findRequest.ts"
import { statementsFor } from "./statements.ts"

interface ClaimAnswer extends RequestRow {
  /** The label that stood before. */
  readonly seen: string
  readonly delivery: number
  /** Null: not claimed. */
  readonly token: bigint | null
}

/** `JobStore` over PostgreSQL, in either schema: labels and columns are read from the catalog when it is built. */
export const JobStoreSql = Layer.effect(
  JobStore,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const dialect = yield* readDialect
    const { labels, optional } = dialect
    const statements = statementsFor(dialect)
    const settleAs = {
      PENDING: [statements.settle("PENDING"), statements.settledBefore("PENDING")],
      SUCCESS: [statements.settle("SUCCESS"), statements.settledBefore("SUCCESS")],
      FAILED: [statements.settle("FAILED"), statements.settledBefore("FAILED")]
    } as const

    const details = (job: Job) => [
      job.principal,
      job.action,
      job.entitlement,
      job.account_id,
      ...optional.map((column) => job[column] ?? null)
    ]

    return JobStore.of({
      claim: Effect.fnUntraced(function* (job, { take, workerId }) {
        const id = job.correlation_id
        const statement = sql.unsafe<ClaimAnswer>(statements.claim, [
          id,
          claimedBy(workerId, take),
          ...(optional.length > 0 ? details(job) : [])
        ])

        // Pending, and yet not claimed: another statement was faster, which this one's snapshot does not show. It may even have
        // been this one, sent before, whose answer was lost. A new snapshot tells.
        let [answer] = yield* statement
        while (answer?.token === null && answer.seen === labels.PENDING) [answer] = yield* statement

        if (answer === undefined) return Option.none()
        const { delivery, seen, token, ...row } = answer
        return Option.some(
          token === null
            ? ClaimResult.NotPending({ status: seen })
            : ClaimResult.Claimed({ claim: { correlationId: id, token, delivery, row } })
        )
      }),

      settle: Effect.fnUntraced(function* ({ correlationId, token }, settlement) {
        const log = auditLog(settlement)
        const reference = settlement._tag === "Succeeded" ? Option.getOrNull(settlement.requestId) : null
        const [settle, settledBefore] = settleAs[statusAfter(settlement)]
        const [settled] = yield* sql.unsafe(settle, [correlationId, token, log, reference])
        if (settled !== undefined) return true

        // The claim is lost, or this was sent before and its answer lost.
        const [before] = yield* sql.unsafe(settledBefore, [correlationId, token, log])
        return before !== undefined
      }),

      reject: Effect.fnUntraced(function* (id, log) {
        const [answer] = yield* sql.unsafe<{ readonly seen: string }>(statements.reject, [id, log])
        return Option.fromUndefinedOr(answer?.seen)
      }),

      submit: (job) =>
        Effect.asVoid(
          sql.unsafe(statements.submit, [job.correlation_id, job.client_request_id ?? null, ...details(job)])
        ),

      find: findRequest(sql, sql.literal(statements.columns)),
      ping: Effect.asVoid(sql`SELECT 1`)
    })
  })
)
