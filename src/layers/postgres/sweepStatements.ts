import { countedLoss, lostTooManyLog, recoveredLog } from "../../domain/Settlement.ts"
import type { Dialect } from "./catalog.ts"
import { conditionsOn, never } from "./conditions.ts"
import { writeEnds } from "./endStatements.ts"
import { payloadOf } from "./rebuiltPayload.ts"

/** How many requests one statement recovers or rebuilds. */
const atOnce = 500

/** How many orphans are counted at most. */
const counted = 10_000

/** Statements of the heartbeat and of the sweep, as text with the database's own labels, like those of a job's life. */
export const sweepStatementsFor = (dialect: Dialect) => {
  const { ends, labels } = dialect
  const { due, rebuildable, touched } = conditionsOn("csb_requests", dialect)
  const label = (status: keyof typeof labels) => `'${labels[status]}'`
  // A request with a due time is pushed then, and again when its job is lost, by a statement of its own.
  const orphaned = `cloud_provider = 'aws' AND status = ${label("PENDING")} AND ${touched} < $1::timestamptz
    AND ${ends ? "not_before IS NULL" : due}`

  return {
    /** $1 the requests, $2 the tokens of their claims. */
    heartbeat: `
      UPDATE csb_requests AS request SET last_upd_time_stamp = clock_timestamp()
      FROM unnest($1::uuid[], $2::bigint[]) AS held(id, token)
      WHERE request.correlation_id = held.id AND request.cloud_provider = 'aws'
        AND request.status = ${label("IN_PROGRESS")}
        AND NOT EXISTS (
          SELECT FROM csb_requests_audit AS audit
          WHERE audit.correlation_id = held.id AND audit.audit_id > held.token AND audit.status = ${label("IN_PROGRESS")}
        )
      RETURNING held.token`,

    /** $1 the lease in milliseconds, $2 how many lost workers are too many. The lock ends with the statement. */
    recover: `
      WITH turn AS MATERIALIZED (
        SELECT pg_try_advisory_xact_lock(hashtext('csb_requests sweep')) AS ours
      ), lost AS (
        SELECT correlation_id FROM csb_requests
        WHERE (SELECT ours FROM turn) AND cloud_provider = 'aws' AND status = ${label("IN_PROGRESS")}
          AND ${touched} < now() - $1::float8 * interval '1 millisecond'
        ORDER BY ${touched} LIMIT ${atOnce} FOR UPDATE SKIP LOCKED
      ), judged AS (
        -- A join, since a legacy audit table may have no index: it is read once, not for each request.
        SELECT lost.correlation_id, 1 + count(audit.audit_id) >= $2::int AS failed
        FROM lost LEFT JOIN csb_requests_audit AS audit
          ON audit.correlation_id = lost.correlation_id AND audit.audit_log LIKE '${countedLoss}'
        GROUP BY lost.correlation_id
      ), given_back AS (
        UPDATE csb_requests AS request SET status = ${label("PENDING")}, last_upd_time_stamp = clock_timestamp()
        FROM judged WHERE request.correlation_id = judged.correlation_id AND NOT failed
        RETURNING request.correlation_id
      ), failed AS (
        UPDATE csb_requests AS request SET status = ${label("FAILED")}, last_upd_time_stamp = clock_timestamp()
        FROM judged WHERE request.correlation_id = judged.correlation_id AND failed
        RETURNING request.*
      ), audited_back AS (
        INSERT INTO csb_requests_audit (correlation_id, status, audit_log)
        SELECT correlation_id, ${label("PENDING")}, '${recoveredLog}' FROM given_back
      ), audited_failed AS (
        INSERT INTO csb_requests_audit (correlation_id, status, audit_log)
        SELECT correlation_id, ${label("FAILED")}, '${lostTooManyLog}' FROM failed
      )${writeEnds(dialect, "failed", "now")}
      SELECT ours, correlation_id, failed FROM turn LEFT JOIN judged ON true`,

    /** $1 the requests. */
    standings: `
      SELECT correlation_id, status::text AS status, status = ${label("FAILED")} AND EXISTS (
        SELECT FROM csb_requests_audit AS audit
        WHERE audit.correlation_id = request.correlation_id AND audit_log = '${lostTooManyLog}'
      ) AS lost_too_many
      FROM csb_requests AS request WHERE correlation_id = ANY ($1::uuid[]) AND cloud_provider = 'aws'`,

    /** $1 the requests. */
    oldestOf: `
      SELECT extract(epoch FROM min(req_time_stamp))::float8 * 1000 AS oldest
      FROM csb_requests WHERE correlation_id = ANY ($1::uuid[]) AND cloud_provider = 'aws'`,

    /** $1 the time before which they were last touched. Undefined in a schema in which no row says enough. */
    rebuildOrphans:
      rebuildable !== never
        ? `
      WITH orphaned AS (
        SELECT correlation_id FROM csb_requests WHERE ${orphaned} AND ${rebuildable}
        ORDER BY ${touched} LIMIT ${atOnce} FOR UPDATE SKIP LOCKED
      ), rebuilt AS (
        UPDATE csb_requests AS request SET last_upd_time_stamp = clock_timestamp()
        FROM orphaned WHERE request.correlation_id = orphaned.correlation_id
        RETURNING request.*
      )
      SELECT ${payloadOf(dialect)} AS payload
      FROM rebuilt ORDER BY req_time_stamp, correlation_id`
        : undefined,

    /** $1 the time before which they were last touched. */
    countOrphans: `
      SELECT count(*)::int AS orphans FROM (
        SELECT FROM csb_requests WHERE ${orphaned} AND NOT ${rebuildable}
        -- Ordered, since the planner would else read the whole table for the first few of what it takes for many.
        ORDER BY ${touched} LIMIT ${counted}
      ) AS orphaned`
  }
}
