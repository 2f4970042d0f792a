import { endGrace } from "../../domain/KeyRecord.ts"
import { failedInDoubt, isLeftAsItIs } from "../../domain/Settlement.ts"
import type { Dialect } from "./catalog.ts"

/** Principals that are read at a time. */
const page = 500

/** A policy's name without what does not tell it apart, as `bareName` of the domain has it. */
const bareName = (entitlement: string) => `lower(regexp_replace(${entitlement}, '^.*/', ''))`

/** Statements that compare the records with IAM, as text with the database's own labels. Only where `tellsHistory` of the dialect holds. */
export const recordStatementsFor = ({ labels }: Dialect) => {
  const label = (status: keyof typeof labels) => `'${labels[status]}'`
  const grace = `${endGrace} * interval '1 millisecond'`
  const isOverdue = `(ending.status = ${label("PENDING")} AND ending.not_before < now() - ${grace})`
  const isOpen = `(ending.status IN (${label("PENDING")}, ${label("IN_PROGRESS")}) AND NOT ${isOverdue})`

  return {
    /** Whether the role has the rights to read and to submit. A restrictive policy on inserts allows it nothing but the ends of grants. */
    rights: `
      SELECT current_user::text AS role,
        has_table_privilege(to_regclass('csb_requests'), 'SELECT')
          AND has_table_privilege(to_regclass('csb_requests_audit'), 'SELECT') AS reads,
        has_table_privilege(to_regclass('csb_requests'), 'INSERT')
          AND has_any_column_privilege(to_regclass('csb_requests_audit'), 'INSERT')
          AND NOT (row_security_active(to_regclass('csb_requests')) AND EXISTS (
            SELECT FROM pg_policy p
            WHERE p.polrelid = to_regclass('csb_requests') AND NOT p.polpermissive AND p.polcmd IN ('a', '*')
              AND EXISTS (SELECT FROM unnest(p.polroles) AS role WHERE role = 0 OR pg_has_role(role, 'USAGE'))
          )) AS submits`,

    /** `behind`: the account, or account and principal, after which to begin ($1, $2). `one`: only one account, which is the next parameter. */
    principals: (behind: "nothing" | "account" | "principal", one: boolean) => {
      const after = { nothing: "true", account: "account_id > $1", principal: "(account_id, principal) > ($1, $2)" }
      const next = { nothing: 1, account: 2, principal: 3 }[behind]
      return `
      SELECT account_id AS "accountId", principal FROM csb_requests
      WHERE cloud_provider = 'aws' AND status IN (${label("SUCCESS")}, ${label("FAILED")}) AND ${after[behind]}
        AND ${one ? `account_id = $${next}` : "true"}
      GROUP BY account_id, principal ORDER BY account_id, principal LIMIT ${page}`
    },

    /**
     * $1 the account, $2 the principal. For each key, a row for each kind of change since it was last detached, with the last change of that
     * kind, in the order of the audit rows. A failed end of a grant leaves no doubt: what it was to detach has to go in any case.
     */
    keysOf: `
      WITH changes AS (
        SELECT change.correlation_id AS id, change.entitlement, lower(change.principal_type) AS principal_type,
          change.entitlement_type, change.attached_before IS NOT TRUE AS attached, change.last_upd_time_stamp, audit_id,
          ends.ends_at, ends.end_id, ends.end_waits,
          CASE
            WHEN change.action = 'add' AND change.status = ${label("SUCCESS")} THEN CASE
              -- Without an end it was granted before there were any.
              WHEN change.duration_minutes IS NULL OR ends.number = 0 THEN 'for good'
              WHEN ends.ends_at IS NOT NULL THEN 'until its end' ELSE 'no more' END
            WHEN change.action = 'add' AND ends.number > 0 THEN 'no more'
            WHEN change.status = ${label("SUCCESS")} THEN CASE
              WHEN change.action = 'remove' AND coalesce(audit_log, '') NOT LIKE '${isLeftAsItIs}' THEN 'detached' END
            WHEN (change.action = 'add' OR change.parent_id IS NULL) AND EXISTS (
              SELECT FROM csb_requests_audit AS audit WHERE audit.correlation_id = change.correlation_id
                AND audit_log LIKE ANY (ARRAY[${failedInDoubt.map((log) => `'${log}'`).join(", ")}])
            ) THEN change.action
          END AS kind
        FROM csb_requests AS change
        LEFT JOIN LATERAL (
          SELECT audit_id, audit_log FROM csb_requests_audit AS audit
          WHERE audit.correlation_id = change.correlation_id AND audit.status = change.status ORDER BY audit_id DESC LIMIT 1
        ) AS final ON true
        LEFT JOIN LATERAL (
          SELECT count(*) AS number, max(not_before) FILTER (WHERE ${isOpen}) AS ends_at, bool_or(${isOverdue}) AS end_waits,
            (array_agg(correlation_id ORDER BY ${isOverdue} DESC, not_before DESC)
              FILTER (WHERE ${isOverdue} OR ending.status = ${label("FAILED")}))[1] AS end_id
          FROM csb_requests AS ending
          WHERE ending.parent_id = change.correlation_id AND ending.cloud_provider = 'aws' AND change.action = 'add'
        ) AS ends ON true
        WHERE (change.account_id, change.principal) = ($1, $2) AND change.cloud_provider = 'aws'
          AND change.status IN (${label("SUCCESS")}, ${label("FAILED")})
      ), recorded AS (
        SELECT *, max(audit_id) FILTER (WHERE kind = 'detached')
          OVER (PARTITION BY entitlement, principal_type, entitlement_type) AS detached_at
        FROM changes WHERE kind IS NOT NULL
      )
      SELECT entitlement, principal_type, entitlement_type, kind, attached,
        (array_agg(id ORDER BY audit_id DESC NULLS LAST))[1] AS id,
        extract(epoch FROM now() - max(last_upd_time_stamp))::float8 * 1000 AS age,
        extract(epoch FROM max(ends_at) - now())::float8 * 1000 AS ends_in,
        (array_agg(end_id ORDER BY end_waits DESC, audit_id DESC NULLS LAST) FILTER (WHERE end_id IS NOT NULL))[1] AS end_id,
        coalesce(bool_or(end_waits), false) AS end_waits,
        EXISTS (
          SELECT FROM csb_requests AS other
          WHERE (other.account_id, other.principal) = ($1, $2)
            AND ${bareName("other.entitlement")} = ${bareName("recorded.entitlement")}
            AND other.cloud_provider = 'aws' AND other.status IN (${label("PENDING")}, ${label("IN_PROGRESS")})
            AND (other.status = ${label("IN_PROGRESS")} OR other.not_before IS NULL
              OR (other.not_before <= now() AND other.not_before >= now() - ${grace}))
        ) AS in_flight
      FROM recorded WHERE detached_at IS NULL OR audit_id >= detached_at
      GROUP BY entitlement, principal_type, entitlement_type, kind, attached
      ORDER BY entitlement, principal_type, entitlement_type, max(audit_id) NULLS FIRST`,

    /** $1 the account, $2 the principal, $3 its type. In two parts, each of which has its index. */
    otherSpelling: [[label("SUCCESS")], [label("PENDING"), label("IN_PROGRESS")]]
      .map(
        (statuses) => `
      (SELECT FROM csb_requests WHERE account_id = $1 AND cloud_provider = 'aws' AND status IN (${statuses.join(", ")})
        AND principal <> $2 AND lower(principal) = lower($2) AND lower(coalesce(principal_type, $3)) = lower($3) LIMIT 1)`
      )
      .join(" UNION ALL")
  }
}
