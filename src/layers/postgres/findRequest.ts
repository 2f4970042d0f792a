import { DateTime, Effect, Option } from "effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { RequestRecord, RequestRow } from "../../domain/Request.ts"
import type { Dialect } from "./catalog.ts"
import { conditionsOn, never } from "./conditions.ts"
import { payloadOf } from "./rebuiltPayload.ts"

interface FoundRow extends RequestRow {
  readonly client_req_id: string | null
  readonly payload: string | null
  readonly status: string
  readonly requested_at: Date | null
  readonly updated_at: Date | null
}

/** Reads one request with its audit trail and its references. `columns`: those of a `RequestRow`, as this schema has them. */
export const findRequest = (
  sql: SqlClient,
  dialect: Dialect,
  columns: string,
  standingOf: (label: string) => RequestRecord["standing"]
) => {
  const { rebuildable } = conditionsOn("csb_requests", dialect)
  const payload = rebuildable === never ? "NULL" : `CASE WHEN ${rebuildable} THEN ${payloadOf(dialect)} END`
  return Effect.fnUntraced(function* (id: string) {
    const [found] = yield* sql<FoundRow>`
      SELECT status::text AS status, client_req_id, req_time_stamp AS requested_at, last_upd_time_stamp AS updated_at,
        ${sql.literal(columns)}, ${sql.literal(payload)} AS payload
      FROM csb_requests WHERE correlation_id = ${id} AND cloud_provider = 'aws'`
    if (found === undefined) return Option.none()

    const audit = yield* sql<{ readonly status: string | null; readonly at: Date | null; readonly log: string | null }>`
      SELECT status::text AS status, audit_timestamp AS at, audit_log AS log
      FROM csb_requests_audit WHERE correlation_id = ${id} ORDER BY audit_id`
    const references = yield* sql<{ readonly ref_id: string | null }>`
      SELECT ref_id FROM csb_requests_ref WHERE correlation_id = ${id} AND cloud_provider = 'aws'`

    const { client_req_id, payload: rebuilt, requested_at, status, updated_at, ...row } = found
    return Option.some<RequestRecord>({
      status,
      standing: standingOf(status),
      clientRequestId: client_req_id,
      row,
      payload: Option.fromNullOr(rebuilt),
      requestedAt: instant(requested_at),
      updatedAt: instant(updated_at),
      audit: audit.map((it) => ({ status: it.status ?? "", at: instant(it.at), log: it.log ?? "" })),
      references: references.map((it) => it.ref_id ?? "")
    })
  })
}

const instant = (date: Date | null) => Option.map(Option.fromNullOr(date), (it) => DateTime.fromDateUnsafe(it))
