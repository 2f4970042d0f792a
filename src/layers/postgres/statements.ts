import { countedDelivery, countedLoss, doubtLogs } from "../../domain/Settlement.ts"
import { type Dialect, optionalColumns } from "./catalog.ts"
import { conditionsOn } from "./conditions.ts"

/** No more requests than these are counted before a blocked one. */
const countedAhead = 1_000

/**
 * The statements of a job's life, as text in the database's own words: built once, since building them for each job would cost
 * more than running them. What a payload says only ever comes as a parameter. Labels stand as literals, which PostgreSQL takes
 * for an enum and for a text alike; they are the few words that the catalog may have.
 */
export const statementsFor = (dialect: Dialect) => {
  const { labels, optional } = dialect
  const other = conditionsOn("other", dialect)
  const { touched } = conditionsOn("csb_requests", dialect)
  const label = (status: keyof typeof labels) => `'${labels[status]}'`
  const ours = "correlation_id = $1::uuid AND cloud_provider = 'aws'"

  /** Those of a `RequestRow`. */
  const columns = [
    "principal, action, entitlement, account_id",
    ...optionalColumns.map((column) => (optional.includes(column) ? column : `NULL AS ${column}`))
  ].join(", ")

  /** Optional columns that are open are filled from a payload that agrees with the rest of the row. */
  const fill = optional
    .map(
      (column, index) => `, ${column} = CASE
        WHEN (principal, action, entitlement, account_id) = ($5, $6, $7, $8)
        THEN coalesce(${column}, $${9 + index}) ELSE ${column} END`
    )
    .join("")

  return {
    columns,

    /**
     * $1 the request, $2 what the audit row says of the claimant, $3 the time before which a pending request that nobody can rebuild
     * must have been touched to hold up nobody, $4 after how many milliseconds one that is held up is touched, and where there are
     * optional columns $5 to $8 principal, action, entitlement and account, then their values.
     */
    claim: `
      WITH seen AS (
        SELECT correlation_id, coalesce(status::text, '') AS seen, last_upd_time_stamp,
          coalesce(req_time_stamp, '-infinity') AS requested, ${columns}
        FROM csb_requests WHERE ${ours}
      ), ahead AS (
        SELECT count(*)::int AS ahead FROM (
          SELECT FROM seen AS mine JOIN csb_requests AS other USING (account_id, principal, entitlement)
          WHERE mine.seen = ${label("PENDING")} AND other.correlation_id <> mine.correlation_id
            AND other.cloud_provider = 'aws' AND ${other.due} AND other.status IN (${label("PENDING")}, ${label("IN_PROGRESS")})
            AND (other.status = ${label("IN_PROGRESS")}
              OR (coalesce(other.req_time_stamp, '-infinity'), other.correlation_id) < (mine.requested, mine.correlation_id)
                -- What the sweep will push again still has its turn.
                AND (${other.rebuildable} OR ${other.touched} >= $3::timestamptz))
          LIMIT ${countedAhead}
        ) AS others
      ), claimed AS (
        UPDATE csb_requests SET status = ${label("IN_PROGRESS")}, last_upd_time_stamp = clock_timestamp()${fill}
        WHERE ${ours} AND status = ${label("PENDING")} AND (SELECT ahead FROM ahead) = 0
        RETURNING ${columns}
      ), kept AS (
        UPDATE csb_requests SET last_upd_time_stamp = clock_timestamp()
        WHERE ${ours} AND status = ${label("PENDING")} AND (SELECT ahead FROM ahead) > 0
          AND ${touched} < now() - $4::float8 * interval '1 millisecond'
      ), delivery AS (
        SELECT 1 + transient AS delivery, losses, doubtful FROM seen CROSS JOIN LATERAL (
          SELECT count(*) FILTER (WHERE audit_log LIKE '${countedDelivery}')::int AS transient,
            count(*) FILTER (WHERE audit_log LIKE '${countedLoss}')::int AS losses,
            count(*) FILTER (WHERE audit_log LIKE ANY (ARRAY[${doubtLogs.map((log) => `'${log}'`).join(", ")}])) > 0 AS doubtful
          FROM csb_requests_audit
          -- What was never touched has no trail to be read.
          WHERE correlation_id = $1::uuid AND seen.last_upd_time_stamp IS NOT NULL
            AND seen.seen IN (${label("PENDING")}, ${label("IN_PROGRESS")})
        ) AS trail
      ), audited AS (
        INSERT INTO csb_requests_audit (correlation_id, status, audit_log)
        SELECT $1::uuid, ${label("IN_PROGRESS")}, 'Delivery ' || delivery || $2::text FROM claimed CROSS JOIN delivery
        RETURNING audit_id
      )
      SELECT seen, delivery, losses, doubtful, ahead, row.*,
        -- A CASE, since as a join the scan for a claim made before would run for every fresh one.
        CASE WHEN audited.audit_id IS NOT NULL OR seen <> ${label("IN_PROGRESS")} THEN audited.audit_id ELSE (
          SELECT max(audit_id) FROM csb_requests_audit
          WHERE correlation_id = $1::uuid AND audit_log LIKE 'Delivery %'
            AND right(audit_log, length($2::text)) = $2::text
        ) END AS token
      FROM seen
      CROSS JOIN delivery
      CROSS JOIN ahead
      LEFT JOIN audited ON true
      CROSS JOIN LATERAL (SELECT claimed.* FROM claimed UNION ALL SELECT ${columns} FROM seen LIMIT 1) AS row`,

    /** $1 the request, $2 the claim's token, $3 the audit row's text, $4 AWS's request id or null. */
    settle: (status: keyof typeof labels) => `
      WITH settled AS (
        UPDATE csb_requests SET status = ${label(status)}, last_upd_time_stamp = clock_timestamp()
        WHERE ${ours} AND status = ${label("IN_PROGRESS")}
          AND NOT EXISTS (
            SELECT FROM csb_requests_audit
            WHERE correlation_id = $1::uuid AND audit_id > $2::bigint AND status = ${label("IN_PROGRESS")}
          )
        RETURNING correlation_id
      ), audited AS (
        INSERT INTO csb_requests_audit (correlation_id, status, audit_log)
        SELECT correlation_id, ${label(status)}, $3::text FROM settled
      ), referenced AS (
        INSERT INTO csb_requests_ref (cloud_provider, correlation_id, ref_id)
        SELECT 'aws', correlation_id, left($4::text, 255) FROM settled WHERE $4::text IS NOT NULL
      )
      SELECT correlation_id FROM settled`,

    /** Whether a settlement was recorded before: $1 the request, $2 the claim's token, $3 the audit row's text. */
    settledBefore: (status: keyof typeof labels) => `
      SELECT audit_id FROM csb_requests_audit
      WHERE correlation_id = $1::uuid AND audit_id > $2::bigint AND status = ${label(status)} AND audit_log = $3::text`,

    /** $1 the request, $2 the audit row's text. */
    reject: `
      WITH seen AS (
        SELECT status::text AS seen FROM csb_requests WHERE ${ours}
      ), rejected AS (
        UPDATE csb_requests SET status = ${label("FAILED")}, last_upd_time_stamp = clock_timestamp()
        WHERE ${ours} AND status = ${label("PENDING")}
        RETURNING correlation_id
      ), audited AS (
        INSERT INTO csb_requests_audit (correlation_id, status, audit_log)
        SELECT correlation_id, ${label("FAILED")}, $2::text FROM rejected
      )
      SELECT seen FROM seen`,

    /** $1 the request, $2 the client's id of it, $3 to $6 principal, action, entitlement and account, then the optional ones. */
    submit: `
      WITH requested AS (
        INSERT INTO csb_requests (
          correlation_id, client_req_id, status, cloud_provider, principal, action, entitlement, account_id
          ${optional.map((column) => `, ${column}`).join("")}
        ) VALUES (
          $1::uuid, $2, ${label("PENDING")}, 'aws', $3, $4, $5, $6 ${optional.map((_, index) => `, $${7 + index}`).join("")}
        )
        RETURNING correlation_id
      )
      INSERT INTO csb_requests_audit (correlation_id, status, audit_log)
      SELECT correlation_id, ${label("PENDING")}, 'Submitted' FROM requested`
  }
}
