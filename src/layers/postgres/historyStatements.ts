import { countedDelivery, countedLoss } from "../../domain/Settlement.ts"
import type { Dialect } from "./catalog.ts"
import { statementsFor } from "./statements.ts"

export type SearchColumn = "correlation_id" | "account_id" | "principal"

/** Rows of a list. */
const most = 100

/** Unix milliseconds, as a JavaScript number. */
const millis = (column: string) => `(extract(epoch FROM ${column}) * 1000)::float8`

/** Statements that look at what became of requests, as text with the database's own labels. */
export const historyStatementsFor = (dialect: Dialect) => {
  const { labels } = dialect
  const label = (status: keyof typeof labels) => `'${labels[status]}'`
  const summary = `request.correlation_id, request.status::text AS status, ${millis("req_time_stamp")} AS requested_at,
    ${millis("last_upd_time_stamp")} AS updated_at, ${statementsFor(dialect).columns}`
  /** Other clouds' requests have their audit rows in the same table. */
  const audited = `csb_requests_audit AS audit JOIN csb_requests AS request USING (correlation_id)
    WHERE audit_id > $1::bigint AND audit_timestamp >= $2::timestamptz AND request.cloud_provider = 'aws'`

  return {
    /**
     * The id of an audit row such that all rows from time $1 on have higher ids. Times have no index, and must not get one: every job would
     * pay for it. But ids are given in the order of time, so the primary key can be bisected, in some twenty steps for a million rows. The
     * minute allows for slow transactions.
     */
    firstSince: `
      WITH RECURSIVE bisected AS (
        SELECT coalesce(min(audit_id) - 1, 0) AS low, coalesce(max(audit_id), 0) AS high FROM csb_requests_audit
        UNION ALL
        SELECT CASE WHEN older THEN audit_id ELSE low END, CASE WHEN older THEN high ELSE middle END
        FROM bisected
        CROSS JOIN LATERAL (SELECT (low + high) / 2 AS middle) AS half
        LEFT JOIN LATERAL (
          SELECT audit_id, audit_timestamp < $1::timestamptz - interval '1 minute' AS older
          FROM csb_requests_audit WHERE audit_id > middle ORDER BY audit_id LIMIT 1
        ) AS probe ON true
        WHERE high - low > 1
      )
      SELECT max(low)::text AS id FROM bisected`,

    /** $1 the audit row after which to look, $2 the time. A claim is no outcome, so the requests of those rows are not looked up. */
    outcomes: `
      SELECT floor(extract(epoch FROM audit_timestamp) / 60)::float8 * 60000 AS minute,
        count(*) FILTER (WHERE audit.status = ${label("SUCCESS")})::int AS succeeded,
        count(*) FILTER (WHERE audit.status = ${label("FAILED")})::int AS failed,
        count(*) FILTER (WHERE audit.status = ${label("PENDING")} AND audit_log LIKE '${countedDelivery}')::int AS requeued,
        count(*) FILTER (WHERE audit.status = ${label("PENDING")} AND audit_log LIKE '${countedLoss}')::int AS recovered
      FROM ${audited} AND (audit.status IN (${label("SUCCESS")}, ${label("FAILED")})
        OR audit.status = ${label("PENDING")} AND audit_log LIKE ANY (ARRAY['${countedDelivery}', '${countedLoss}']))
      GROUP BY minute ORDER BY minute`,

    /** $1 the audit row after which to look, $2 the time. */
    failures: `
      SELECT audit_id::text AS audit_id, ${millis("audit_timestamp")} AS failed_at, coalesce(audit_log, '') AS reason, ${summary}
      FROM ${audited} AND audit.status = ${label("FAILED")}
      ORDER BY audit.audit_id DESC LIMIT ${most}`,

    /** $1 what the column must be. */
    search: (column: SearchColumn) => `
      SELECT ${summary} FROM csb_requests AS request
      WHERE cloud_provider = 'aws' AND ${column} = $1 ORDER BY req_time_stamp DESC LIMIT ${most}`
  }
}
