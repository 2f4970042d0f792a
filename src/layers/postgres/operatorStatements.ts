import type { Dialect } from "./catalog.ts"

/** Statements of the operators' commands, as text with the database's own labels, like those of a job's life. */
export const operatorStatementsFor = ({ labels }: Dialect) => {
  const label = (status: keyof typeof labels) => `'${labels[status]}'`
  const ours = "correlation_id = $1::uuid AND cloud_provider = 'aws'"

  return {
    /** $1 the request, $2 the audit row's text. */
    retry: `
      WITH seen AS (
        SELECT correlation_id, status::text AS seen, account_id, principal, entitlement, req_time_stamp
        FROM csb_requests WHERE ${ours}
      ), later AS (
        SELECT other.correlation_id AS later, other.status::text AS later_status
        FROM seen JOIN csb_requests AS other USING (account_id, principal, entitlement)
        WHERE seen = ${label("FAILED")} AND other.cloud_provider = 'aws'
          AND other.status IN (${label("IN_PROGRESS")}, ${label("SUCCESS")})
          AND (coalesce(other.req_time_stamp, '-infinity'), other.correlation_id)
            > (coalesce(seen.req_time_stamp, '-infinity'), seen.correlation_id)
        ORDER BY other.req_time_stamp DESC, other.correlation_id DESC LIMIT 1
      ), retried AS (
        UPDATE csb_requests SET status = ${label("PENDING")}, last_upd_time_stamp = clock_timestamp()
        WHERE ${ours} AND status = ${label("FAILED")} AND NOT EXISTS (SELECT FROM later)
        RETURNING correlation_id
      ), audited AS (
        INSERT INTO csb_requests_audit (correlation_id, status, audit_log)
        SELECT correlation_id, ${label("PENDING")}, $2::text FROM retried
      )
      SELECT seen, EXISTS (SELECT FROM retried) AS retried, later, later_status FROM seen LEFT JOIN later ON true`,

    inFlight: `
      SELECT account_id AS "accountId", count(*)::int AS count
      FROM csb_requests WHERE cloud_provider = 'aws' AND status = ${label("IN_PROGRESS")}
      GROUP BY account_id ORDER BY count DESC, account_id`
  }
}
