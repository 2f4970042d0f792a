import { Duration, Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import type { Job } from "../../domain/Job.ts"
import type { RequestRow } from "../../domain/Request.ts"
import { auditLog, claimedBy, statusAfter } from "../../domain/Settlement.ts"
import { ClaimResult, JobStore, type Recovered } from "../../services/JobStore.ts"
import { readDialect } from "./catalog.ts"
import { findRequest } from "./findRequest.ts"
import { statementsFor } from "./statements.ts"
import { sweepStatementsFor } from "./sweepStatements.ts"

interface ClaimAnswer extends RequestRow {
  /** The label that stood before. */
  readonly seen: string
  readonly delivery: number
  readonly losses: number
  readonly doubtful: boolean
  /** Requests on the same key that come first. */
  readonly ahead: number
  /** Null: not claimed. */
  readonly token: bigint | null
}

interface RecoverAnswer {
  /** Whether it is this worker's turn to sweep. */
  readonly ours: boolean
  /** Null: nothing was lost. */
  readonly correlation_id: string | null
  readonly failed: boolean | null
}

interface StandingAnswer {
  readonly correlation_id: string
  readonly status: string
  readonly lost_too_many: boolean
}

const statuses = ["PENDING", "IN_PROGRESS", "SUCCESS", "FAILED"] as const

/** PostgreSQL knows infinite times. https://www.postgresql.org/docs/current/datatype-datetime.html */
const timestamp = (unixMillis: number): string =>
  Number.isFinite(unixMillis) ? new Date(unixMillis).toISOString() : unixMillis < 0 ? "-infinity" : "infinity"

/** `JobStore` over PostgreSQL, in either schema: labels and columns are read from the catalog when it is built. */
export const JobStoreSql = Layer.effect(
  JobStore,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const dialect = yield* readDialect
    const { labels, optional } = dialect
    const statements = statementsFor(dialect)
    const sweeping = sweepStatementsFor(dialect)
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
      claim: Effect.fnUntraced(function* (job, { take, workerId }, { keepFresh, orphansBefore }) {
        const id = job.correlation_id
        const statement = sql.unsafe<ClaimAnswer>(statements.claim, [
          id,
          claimedBy(workerId, take),
          timestamp(orphansBefore),
          Duration.toMillis(keepFresh),
          ...(optional.length > 0 ? details(job) : [])
        ])

        // Pending, and yet not claimed: another statement was faster, which this one's snapshot does not show. It may even have
        // been this one, sent before, whose answer was lost. A new snapshot tells.
        let [answer] = yield* statement
        while (answer?.token === null && answer.seen === labels.PENDING && answer.ahead === 0) {
          ;[answer] = yield* statement
        }

        if (answer === undefined) return Option.none()
        const { ahead, delivery, losses, doubtful, seen, token, ...row } = answer
        if (token !== null) {
          const claim = { correlationId: id, token, delivery, losses, doubtful, row }
          return Option.some(ClaimResult.Claimed({ claim }))
        }
        return Option.some(
          seen === labels.PENDING ? ClaimResult.Blocked({ ahead }) : ClaimResult.NotPending({ status: seen })
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

      heartbeat: (claims) =>
        Effect.map(
          sql.unsafe<{ readonly token: bigint }>(sweeping.heartbeat, [
            claims.map(({ correlationId }) => correlationId),
            claims.map(({ token }) => token)
          ]),
          (touched) => touched.map((it) => it.token)
        ),

      recover: Effect.fnUntraced(function* (lease, maxLosses) {
        const answers = yield* sql.unsafe<RecoverAnswer>(sweeping.recover, [Duration.toMillis(lease), maxLosses])
        if (answers.some(({ ours }) => !ours)) return Option.none()
        return Option.some(
          answers.flatMap(({ correlation_id: correlationId, failed }): ReadonlyArray<Recovered> =>
            correlationId === null ? [] : [{ correlationId, status: failed === true ? "FAILED" : "PENDING" }]
          )
        )
      }),

      standings: (ids) =>
        Effect.map(sql.unsafe<StandingAnswer>(sweeping.standings, [ids]), (answers) =>
          answers.map(({ correlation_id, lost_too_many, status }) => ({
            correlationId: correlation_id,
            status: statuses.find((it) => labels[it] === status) ?? "other",
            lostTooMany: lost_too_many
          }))
        ),

      oldestOf: (ids) =>
        Effect.map(sql.unsafe<{ readonly oldest: number | null }>(sweeping.oldestOf, [ids]), ([answer]) =>
          Option.fromNullishOr(answer?.oldest)
        ),

      orphans: Effect.fnUntraced(function* (before) {
        const rebuilt =
          sweeping.rebuildOrphans === undefined
            ? []
            : yield* sql.unsafe<{ readonly payload: string }>(sweeping.rebuildOrphans, [timestamp(before)])
        const [left] = yield* sql.unsafe<{ readonly orphans: number }>(sweeping.countOrphans, [timestamp(before)])
        return { rebuilt: rebuilt.map(({ payload }) => payload), left: left?.orphans ?? 0 }
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
