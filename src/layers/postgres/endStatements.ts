import { isLeftAsItIs } from "../../domain/Settlement.ts"
import { type Dialect, endColumns } from "./catalog.ts"
import { conditionsOn } from "./conditions.ts"
import { payloadOf } from "./rebuiltPayload.ts"

/** Requests that are pushed at a time. */
const atOnce = 500

const suffix = ":expiry"

/** `client_req_id` is a varchar(255). */
const kept = 255 - suffix.length

/** When the access ends, and for which grants: those that succeed; or those that fail, but may have been carried out. */
const due = {
  "after their time": ["clock_timestamp() + duration_minutes * interval '1 minute'", "true"],
  now: ["now()", "attached_before IS FALSE"]
} as const

/**
 * Further parts of a statement, which write the ends of the grants among the rows of `grants`, which has all columns of `csb_requests`.
 * Empty where access cannot end by itself.
 */
export const writeEnds = ({ ends, labels }: Dialect, grants: string, when: keyof typeof due, condition = "true") => {
  const [notBefore, which] = due[when]
  return ends
    ? `, ends AS (
        INSERT INTO csb_requests (${endColumns.join(", ")})
        SELECT gen_random_uuid(), left(client_req_id, ${kept}) || '${suffix}', '${labels.PENDING}', 'aws', principal, 'remove', entitlement,
          account_id, principal_type, entitlement_type, ${notBefore}, correlation_id
        FROM ${grants} WHERE action = 'add' AND duration_minutes IS NOT NULL AND ${which} AND ${condition}
        RETURNING correlation_id, parent_id, not_before
      ), ends_audited AS (
        INSERT INTO csb_requests_audit (correlation_id, status, audit_log)
        SELECT correlation_id, '${labels.PENDING}', 'Ends the access of request ' || parent_id || ', due '
          || to_char(not_before AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
        FROM ends
      )`
    : ""
}

/** Statements about access that ends, as text in the database's own words. Only where `ends` of the dialect holds. */
export const endStatementsFor = (dialect: Dialect) => {
  const { labels } = dialect
  const label = (status: keyof typeof labels) => `'${labels[status]}'`
  const { rebuildable, touched } = conditionsOn("csb_requests", dialect)
  const otherEndIn = (...statuses: ReadonlyArray<keyof typeof labels>) => `EXISTS (
    SELECT FROM csb_requests AS ending WHERE ending.parent_id = change.correlation_id AND ending.cloud_provider = 'aws'
      AND ending.correlation_id <> asked.correlation_id AND ending.status IN (${statuses.map(label).join(", ")}))`
  const hasEnd = `EXISTS (
    SELECT FROM csb_requests AS ending WHERE ending.parent_id = change.correlation_id AND ending.cloud_provider = 'aws')`

  return {
    /** $1 the request, $2 the token of its claim, $3 whether its policy is attached. What was recorded first stays. */
    noteBefore: `
      UPDATE csb_requests AS request SET attached_before = coalesce(attached_before, $3::boolean), last_upd_time_stamp = clock_timestamp()
      WHERE request.correlation_id = $1::uuid AND request.cloud_provider = 'aws' AND request.status = ${label("IN_PROGRESS")}
        AND NOT EXISTS (
          SELECT FROM csb_requests_audit AS audit
          WHERE audit.correlation_id = $1::uuid AND audit.audit_id > $2::bigint AND audit.status = ${label("IN_PROGRESS")}
        )
      RETURNING request.correlation_id`,

    /**
     * What happened to the attachment that a request is about: $1 the request. In the order of the audit rows' ids, which no clock
     * can set back. A row that does not say what kind of principal or policy it is about may be about this attachment.
     */
    history: `
      SELECT change.correlation_id AS id, change.action = 'add' AS granted, change.attached_before IS NOT TRUE AS attached,
        extract(epoch FROM now() - change.last_upd_time_stamp)::float8 * 1000 AS age,
        CASE WHEN change.status <> ${label("SUCCESS")} THEN 'no more'
          WHEN change.duration_minutes IS NULL THEN 'for good'
          WHEN ${otherEndIn("PENDING", "IN_PROGRESS")} THEN 'until its end'
          -- Without an end it was granted before there were any.
          WHEN ${hasEnd} THEN 'no more' ELSE 'for good' END AS holds
      FROM csb_requests AS asked JOIN csb_requests AS change
        ON (change.account_id, change.principal, change.entitlement) = (asked.account_id, asked.principal, asked.entitlement)
        AND lower(coalesce(change.principal_type, asked.principal_type)) = lower(asked.principal_type)
        AND coalesce(change.entitlement_type, asked.entitlement_type) = asked.entitlement_type
      LEFT JOIN LATERAL (
        SELECT audit_id, audit_log FROM csb_requests_audit AS audit
        WHERE audit.correlation_id = change.correlation_id AND audit.status = change.status ORDER BY audit_id DESC LIMIT 1
      ) AS final ON true
      WHERE asked.correlation_id = $1::uuid AND asked.cloud_provider = 'aws' AND change.cloud_provider = 'aws'
        AND change.status IN (${label("SUCCESS")}, ${label("FAILED")})
        AND (change.status = ${label("SUCCESS")}
          OR (change.action = 'add' AND ${hasEnd}))
        AND coalesce(audit_log, '') NOT LIKE '${isLeftAsItIs}'
      ORDER BY audit_id NULLS FIRST, change.last_upd_time_stamp`,

    /**
     * Requests whose time has come, and whose job was not pushed since then or is lost: $1 the time before which those were last touched.
     * The one that is to be taken first comes last.
     */
    due: `
      WITH due AS (
        SELECT correlation_id FROM csb_requests
        WHERE cloud_provider = 'aws' AND status = ${label("PENDING")} AND not_before <= now() AND ${rebuildable}
          AND (last_upd_time_stamp IS NULL OR last_upd_time_stamp < not_before OR ${touched} < $1::timestamptz)
        ORDER BY not_before LIMIT ${atOnce} FOR UPDATE SKIP LOCKED
      ), pushed AS (
        UPDATE csb_requests AS request SET last_upd_time_stamp = clock_timestamp()
        FROM due WHERE request.correlation_id = due.correlation_id
        RETURNING request.*
      )
      SELECT ${payloadOf(dialect)} AS payload FROM pushed ORDER BY not_before DESC, correlation_id DESC`,

    /** Milliseconds until the next request is due. */
    nextDue: `
      SELECT extract(epoch FROM not_before - now())::float8 * 1000 AS millis FROM csb_requests
      WHERE cloud_provider = 'aws' AND status = ${label("PENDING")} AND not_before > now()
      ORDER BY not_before LIMIT 1`
  }
}
