import { countedDelivery, countedLoss, doubtLogs } from "../../domain/Settlement.ts"
import { type Dialect, type OptionalColumn, optionalColumns } from "./catalog.ts"
import { conditionsOn } from "./conditions.ts"
import { writeEnds } from "./endStatements.ts"

/** At most this many requests are counted before a blocked one. */
const countedAhead = 1_000

/** What a statement does with a row that another transaction holds: wait for it, or leave it out. */
export type WhenLocked = "" | "SKIP LOCKED"

/**
 * The statements of a job's life, as text with the database's own labels: built once, since building them for each job would cost
 * more than running them. What a payload says only ever comes as a parameter. Labels are literals, which PostgreSQL accepts for
 * an enum and for a text alike; they can only be the few words that the catalog is searched for.
 */
export const statementsFor = (dialect: Dialect) => {
  const { ends, labels, optional } = dialect
  const other = conditionsOn("other", dialect)
  const { due, touched } = conditionsOn("request", dialect)
  const label = (status: keyof typeof labels) => `'${labels[status]}'`
  const ours = "correlation_id = $1::uuid AND cloud_provider = 'aws'"
  const optionals = (column: (name: OptionalColumn) => string) =>
    optionalColumns.map((name) => (optional.includes(name) ? column(name) : `NULL AS ${name}`)).join(", ")

  return {
    /** Those of a `RequestRow`. */
    columns: `principal, action, entitlement, account_id, ${optionals((name) => name)}`,

    /**
     * Claims of several requests: $1 an array of `{id, claimant}` (what the audit row says about the claimant) together with what the payload
     * says about the request under the names of the columns; $2 a time: a pending request last touched before it that nobody can rebuild holds
     * up no other; $3 milliseconds: a blocked request that was not touched for so long is touched.
     */
    claim: (whenLocked: WhenLocked) => `
      WITH seen AS (
        SELECT request.correlation_id, coalesce(status::text, '') AS seen, last_upd_time_stamp, req_time_stamp, claimant,
          request.principal, request.action, request.entitlement, request.account_id,
          -- Optional columns that are open are filled from a payload that agrees with the rest of the row.
          ${optionals(
            (name) => `CASE WHEN (request.principal, request.action, request.entitlement, request.account_id)
              = (asked.principal, asked.action, asked.entitlement, asked.account_id)
            THEN coalesce(request.${name}, asked.${name}) ELSE request.${name} END AS ${name}`
          )},
          NOT ${due} AS early, ${
            ends
              ? `CASE WHEN request.action = 'remove' THEN request.parent_id END AS grant_id, request.attached_before,
          extract(epoch FROM now() - request.not_before)::float8 * 1000 AS overdue`
              : "NULL::uuid AS grant_id, NULL::boolean AS attached_before, NULL::float8 AS overdue"
          }
        FROM json_to_recordset($1::json) AS asked(id uuid, claimant text, principal text, action text, entitlement text,
          account_id text, principal_type text, entitlement_type text, duration_minutes int)
        JOIN csb_requests AS request ON correlation_id = id WHERE cloud_provider = 'aws'
      ), judged AS (
        SELECT seen.*, ahead, 1 + transient AS delivery, losses, doubtful
        FROM seen CROSS JOIN LATERAL (
          SELECT count(*)::int AS ahead FROM (
            SELECT FROM csb_requests AS other
            WHERE seen = ${label("PENDING")} AND other.correlation_id <> seen.correlation_id
              AND (other.account_id, other.principal, other.entitlement) = (seen.account_id, seen.principal, seen.entitlement)
              AND other.cloud_provider = 'aws' AND ${other.due} AND other.status IN (${label("PENDING")}, ${label("IN_PROGRESS")})
              AND (other.status = ${label("IN_PROGRESS")}
                OR (coalesce(other.req_time_stamp, '-infinity'), other.correlation_id)
                    < (coalesce(seen.req_time_stamp, '-infinity'), seen.correlation_id)
                  -- What the sweep will push again still has its turn.
                  AND (${other.rebuildable} OR ${other.touched} >= $2::timestamptz))
            LIMIT ${countedAhead}
          ) AS others
        ) AS line CROSS JOIN LATERAL (
          SELECT count(*) FILTER (WHERE audit_log LIKE '${countedDelivery}')::int AS transient,
            count(*) FILTER (WHERE audit_log LIKE '${countedLoss}')::int AS losses,
            count(*) FILTER (WHERE audit_log LIKE ANY (ARRAY[${doubtLogs.map((log) => `'${log}'`).join(", ")}])) > 0 AS doubtful
          FROM csb_requests_audit AS audit
          -- What was never touched has no trail to be read.
          WHERE audit.correlation_id = seen.correlation_id AND last_upd_time_stamp IS NOT NULL
            AND seen IN (${label("PENDING")}, ${label("IN_PROGRESS")})
        ) AS trail
      ), locked AS (
        SELECT correlation_id FROM judged JOIN csb_requests AS request USING (correlation_id)
        WHERE cloud_provider = 'aws' AND status = ${label("PENDING")} AND ${due}
          AND (ahead = 0 OR ${touched} < now() - $3::float8 * interval '1 millisecond')
        FOR UPDATE OF request ${whenLocked}
      ), claimed AS (
        UPDATE csb_requests AS request SET status = ${label("IN_PROGRESS")}, last_upd_time_stamp = clock_timestamp()
          ${optional.map((name) => `, ${name} = judged.${name}`).join("")}
        FROM locked JOIN judged USING (correlation_id)
        WHERE request.correlation_id = locked.correlation_id AND ahead = 0
        RETURNING request.correlation_id
      ), kept AS (
        UPDATE csb_requests AS request SET last_upd_time_stamp = clock_timestamp()
        FROM locked JOIN judged USING (correlation_id)
        WHERE request.correlation_id = locked.correlation_id AND ahead > 0
      ), audited AS (
        INSERT INTO csb_requests_audit (correlation_id, status, audit_log)
        SELECT correlation_id, ${label("IN_PROGRESS")}, 'Delivery ' || delivery || claimant
        FROM claimed JOIN judged USING (correlation_id)
        RETURNING correlation_id, audit_id
      )
      SELECT judged.*,
        -- A CASE, since as a join the scan for a claim made before would run for every fresh one.
        CASE WHEN audit_id IS NOT NULL OR seen <> ${label("IN_PROGRESS")} THEN audit_id ELSE (
          SELECT max(audit.audit_id) FROM csb_requests_audit AS audit
          WHERE audit.correlation_id = judged.correlation_id AND audit_log LIKE 'Delivery %'
            AND right(audit_log, length(claimant)) = claimant
        ) END AS token
      FROM judged LEFT JOIN audited USING (correlation_id)`,

    /**
     * Several settlements: $1 an array of `{id, token, log, reference, doubtful}`. `reference`: AWS's request id, or null. `doubtful`: AWS may
     * have carried out a call whose outcome the settlement does not know.
     */
    settle: (status: keyof typeof labels, whenLocked: WhenLocked) => `
      WITH ours AS (
        SELECT correlation_id, log, reference, doubtful
        FROM json_to_recordset($1::json) AS asked(id uuid, token bigint, log text, reference text, doubtful boolean)
        JOIN csb_requests AS request ON correlation_id = id
        WHERE cloud_provider = 'aws' AND status = ${label("IN_PROGRESS")}
          AND NOT EXISTS (
            SELECT FROM csb_requests_audit AS audit
            WHERE audit.correlation_id = id AND audit_id > token AND audit.status = ${label("IN_PROGRESS")}
          )
        FOR UPDATE OF request ${whenLocked}
      ), settled AS (
        UPDATE csb_requests AS request SET status = ${label(status)}, last_upd_time_stamp = clock_timestamp()
        FROM ours WHERE request.correlation_id = ours.correlation_id
        RETURNING request.*, log, reference, doubtful
      ), audited AS (
        INSERT INTO csb_requests_audit (correlation_id, status, audit_log)
        SELECT correlation_id, ${label(status)}, log FROM settled
      ), referenced AS (
        INSERT INTO csb_requests_ref (cloud_provider, correlation_id, ref_id)
        SELECT 'aws', correlation_id, left(reference, 255) FROM settled WHERE reference IS NOT NULL
      )${
        status === "SUCCESS"
          ? writeEnds(dialect, "settled", "after their time")
          : status === "FAILED"
            ? writeEnds(dialect, "settled", "now", "doubtful")
            : ""
      }
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
        RETURNING *
      ), audited AS (
        INSERT INTO csb_requests_audit (correlation_id, status, audit_log)
        SELECT correlation_id, ${label("FAILED")}, $2::text FROM rejected
      )${writeEnds(dialect, "rejected", "now")}
      SELECT seen FROM seen`,

    /** $1 the request, $2 the client's id of it, $3 the audit row's text, $4 to $7 principal, action, entitlement and account, then the optional ones. */
    submit: `
      WITH requested AS (
        INSERT INTO csb_requests (
          correlation_id, client_req_id, status, cloud_provider, principal, action, entitlement, account_id
          ${optional.map((column) => `, ${column}`).join("")}
        ) VALUES (
          $1::uuid, $2, ${label("PENDING")}, 'aws', $4, $5, $6, $7 ${optional.map((_, index) => `, $${8 + index}`).join("")}
        )
        RETURNING correlation_id
      )
      INSERT INTO csb_requests_audit (correlation_id, status, audit_log)
      SELECT correlation_id, ${label("PENDING")}, $3::text FROM requested`
  }
}
