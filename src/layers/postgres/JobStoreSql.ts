import { Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import type { Job } from "../../domain/Job.ts"
import type { RequestRow } from "../../domain/Request.ts"
import { auditLog, claimedBy, countedDelivery, statusAfter } from "../../domain/Settlement.ts"
import { ClaimResult, JobStore } from "../../services/JobStore.ts"
import { optionalColumns, readDialect } from "./catalog.ts"
import { findRequest } from "./findRequest.ts"

interface ClaimAnswer extends RequestRow {
  /** The label that stood before. */
  readonly seen: string
  readonly delivery: number
  /** None: not claimed. */
  readonly token: bigint | null
}

/** `JobStore` over PostgreSQL, in either schema: labels and columns are read from the catalog when it is built. */
export const JobStoreSql = Layer.effect(
  JobStore,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const { labels, optional } = yield* readDialect

    // As literals PostgreSQL takes them for an enum and for a text alike. They are the few words that the catalog may have.
    const label = (status: keyof typeof labels) => sql.literal(`'${labels[status]}'`)
    const columns = sql.literal(
      [
        "principal, action, entitlement, account_id",
        ...optionalColumns.map((column) => (optional.includes(column) ? column : `NULL AS ${column}`))
      ].join(", ")
    )

    /** Optional columns that are open are filled from a payload that agrees with the rest of the row. */
    const fill = (job: Job) =>
      optional
        .map(
          (column) => sql`, ${sql(column)} = CASE
            WHEN (principal, action, entitlement, account_id)
              = (${job.principal}, ${job.action}, ${job.entitlement}, ${job.account_id})
            THEN coalesce(${sql(column)}, ${job[column] ?? null}) ELSE ${sql(column)} END`
        )
        .reduce((all, one) => sql`${all}${one}`, sql``)

    return JobStore.of({
      claim: Effect.fnUntraced(function* (job, { take, workerId }) {
        const id = job.correlation_id
        const by = claimedBy(workerId, take)
        const statement = sql<ClaimAnswer>`
          WITH seen AS (
            SELECT status::text AS seen, last_upd_time_stamp, ${columns} FROM csb_requests
            WHERE correlation_id = ${id} AND cloud_provider = 'aws'
          ), claimed AS (
            UPDATE csb_requests SET status = ${label("IN_PROGRESS")}, last_upd_time_stamp = clock_timestamp()${fill(job)}
            WHERE correlation_id = ${id} AND cloud_provider = 'aws' AND status = ${label("PENDING")}
            RETURNING ${columns}
          ), delivery AS (
            SELECT CASE WHEN last_upd_time_stamp IS NULL OR seen NOT IN (${labels.PENDING}, ${labels.IN_PROGRESS}) THEN 1
              ELSE 1 + (
                SELECT count(*) FROM csb_requests_audit
                WHERE correlation_id = ${id} AND audit_log LIKE ${countedDelivery}
              ) END::int AS delivery
            FROM seen
          ), audited AS (
            INSERT INTO csb_requests_audit (correlation_id, status, audit_log)
            SELECT ${id}, ${label("IN_PROGRESS")}, 'Delivery ' || delivery || ${by} FROM claimed CROSS JOIN delivery
            RETURNING audit_id
          )
          SELECT seen, delivery, row.*,
            -- A CASE, since as a join the scan for a claim made before would run for every fresh one.
            CASE WHEN audited.audit_id IS NOT NULL OR seen <> ${labels.IN_PROGRESS} THEN audited.audit_id ELSE (
              SELECT max(audit_id) FROM csb_requests_audit
              WHERE correlation_id = ${id} AND audit_log LIKE 'Delivery %' AND right(audit_log, length(${by})) = ${by}
            ) END AS token
          FROM seen
          CROSS JOIN delivery
          LEFT JOIN audited ON true
          CROSS JOIN LATERAL (SELECT claimed.* FROM claimed UNION ALL SELECT ${columns} FROM seen LIMIT 1) AS row`

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

      settle: Effect.fnUntraced(function* ({ correlationId: id, token }, settlement) {
        const status = label(statusAfter(settlement))
        const log = auditLog(settlement)
        const reference = settlement._tag === "Succeeded" ? Option.getOrNull(settlement.requestId) : null
        const [settled] = yield* sql`
          WITH settled AS (
            UPDATE csb_requests SET status = ${status}, last_upd_time_stamp = clock_timestamp()
            WHERE correlation_id = ${id} AND cloud_provider = 'aws' AND status = ${label("IN_PROGRESS")}
              AND NOT EXISTS (
                SELECT FROM csb_requests_audit
                WHERE correlation_id = ${id} AND audit_id > ${token} AND status = ${label("IN_PROGRESS")}
              )
            RETURNING correlation_id
          ), audited AS (
            INSERT INTO csb_requests_audit (correlation_id, status, audit_log)
            SELECT correlation_id, ${status}, ${log} FROM settled
          ), referenced AS (
            INSERT INTO csb_requests_ref (cloud_provider, correlation_id, ref_id)
            SELECT 'aws', correlation_id, left(${reference}, 255) FROM settled WHERE ${reference}::text IS NOT NULL
          )
          SELECT correlation_id FROM settled`
        if (settled !== undefined) return true

        // The claim is lost, or this was sent before and its answer lost.
        const [before] = yield* sql`
          SELECT audit_id FROM csb_requests_audit
          WHERE correlation_id = ${id} AND audit_id > ${token} AND status = ${status} AND audit_log = ${log}`
        return before !== undefined
      }),

      reject: Effect.fnUntraced(function* (id, log) {
        const [answer] = yield* sql<{ readonly seen: string }>`
          WITH seen AS (
            SELECT status::text AS seen FROM csb_requests WHERE correlation_id = ${id} AND cloud_provider = 'aws'
          ), rejected AS (
            UPDATE csb_requests SET status = ${label("FAILED")}, last_upd_time_stamp = clock_timestamp()
            WHERE correlation_id = ${id} AND cloud_provider = 'aws' AND status = ${label("PENDING")}
            RETURNING correlation_id
          ), audited AS (
            INSERT INTO csb_requests_audit (correlation_id, status, audit_log)
            SELECT correlation_id, ${label("FAILED")}, ${log} FROM rejected
          )
          SELECT seen FROM seen`
        return Option.fromUndefinedOr(answer?.seen)
      }),

      submit: (job) =>
        Effect.asVoid(sql`
          WITH requested AS (
            INSERT INTO csb_requests (
              correlation_id, client_req_id, status, cloud_provider, principal, action, entitlement, account_id
              ${sql.literal(optional.map((column) => `, ${column}`).join(""))}
            ) VALUES (
              ${job.correlation_id}, ${job.client_request_id ?? null}, ${label("PENDING")}, 'aws',
              ${job.principal}, ${job.action}, ${job.entitlement}, ${job.account_id}
              ${optional.map((column) => sql`, ${job[column] ?? null}`).reduce((all, one) => sql`${all}${one}`, sql``)}
            )
            RETURNING correlation_id
          )
          INSERT INTO csb_requests_audit (correlation_id, status, audit_log)
          SELECT correlation_id, ${label("PENDING")}, 'Submitted' FROM requested`),

      find: findRequest(sql, columns),
      ping: Effect.asVoid(sql`SELECT 1`)
    })
  })
)
