import { DateTime, Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import type { Fragment } from "effect/sql/Statement"
import { endedLog, extendedLog } from "../../domain/Intervention.ts"
import { type Grant, Grants, mostGrants, type Moved } from "../../services/Grants.ts"
import { readDialect } from "./catalog.ts"

interface GrantAnswer extends Omit<Grant, "endsAt"> {
  readonly endsAt: Date
}

interface MovedAnswer extends Omit<Moved, "endsAt"> {
  readonly endsAt: Date
}

const instant = <A extends { readonly endsAt: Date }>(answer: A) => ({
  ...answer,
  endsAt: DateTime.fromDateUnsafe(answer.endsAt)
})

/** `Grants` over PostgreSQL. A database that cannot store ends has none. */
export const GrantsSql = Layer.effect(
  Grants,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const { ends, labels } = yield* readDialect
    const label = (status: keyof typeof labels) => sql.literal(`'${labels[status]}'`)
    /** `moved` is the new time, `log` the audit row's text. */
    const move = Effect.fnUntraced(function* (id: string, moved: Fragment, log: string) {
      if (!ends) return Option.none()
      const [answer] = yield* sql<MovedAnswer>`
        WITH found AS (
          SELECT correlation_id, parent_id, status, not_before FROM csb_requests
          WHERE cloud_provider = 'aws' AND action = 'remove' AND not_before IS NOT NULL
            AND (parent_id = ${id}::uuid OR (correlation_id = ${id}::uuid AND parent_id IS NOT NULL))
        ), moved AS (
          UPDATE csb_requests AS request SET not_before = ${moved}
          FROM found WHERE request.correlation_id = found.correlation_id AND request.status = ${label("PENDING")}
          RETURNING request.correlation_id, request.not_before
        ), audited AS (
          INSERT INTO csb_requests_audit (correlation_id, status, audit_log)
          SELECT correlation_id, ${label("PENDING")}, ${log}::text FROM moved
        )
        SELECT found.parent_id AS id, found.correlation_id AS "endId", found.status::text AS status,
          coalesce(moved.not_before, found.not_before) AS "endsAt", moved.correlation_id IS NOT NULL AS moved
        FROM found LEFT JOIN moved USING (correlation_id)
        -- A grant that failed in doubt and was tried again has two ends.
        ORDER BY moved.correlation_id IS NULL, found.not_before DESC LIMIT 1`
      return Option.map(Option.fromUndefinedOr(answer), instant)
    })

    return Grants.of({
      list: ({ accountId, principal }) =>
        ends
          ? Effect.map(
              sql<GrantAnswer>`
                SELECT parent.correlation_id AS id, ending.correlation_id AS "endId", ending.account_id AS "accountId",
                  ending.principal_type AS "principalType", ending.principal, ending.entitlement_type AS "entitlementType",
                  ending.entitlement, ending.not_before AS "endsAt", ending.not_before <= now() AS overdue,
                  ending.status::text AS status, parent.attached_before AS "attachedBefore"
                FROM csb_requests AS ending JOIN csb_requests AS parent ON parent.correlation_id = ending.parent_id
                WHERE ending.cloud_provider = 'aws' AND parent.cloud_provider = 'aws' AND ending.not_before IS NOT NULL
                  AND ending.status IN (${label("PENDING")}, ${label("IN_PROGRESS")}, ${label("FAILED")})
                  AND (${Option.getOrNull(accountId)}::text IS NULL OR ending.account_id = ${Option.getOrNull(accountId)})
                  AND (${Option.getOrNull(principal)}::text IS NULL OR ending.principal = ${Option.getOrNull(principal)})
                ORDER BY ending.not_before LIMIT ${mostGrants}`,
              (grants) => grants.map(instant)
            )
          : Effect.succeed([]),
      end: (id, intervention) => move(id, sql`least(request.not_before, now())`, endedLog(intervention)),
      extend: (id, minutes, intervention) =>
        move(
          id,
          sql`greatest(request.not_before, now()) + ${minutes}::int * interval '1 minute'`,
          extendedLog(minutes, intervention)
        )
    })
  })
)
