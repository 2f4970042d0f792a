import { DateTime, Effect, Option } from "effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { Fragment } from "effect/sql/Statement"
import type { RequestRecord, RequestRow } from "../../domain/Request.ts"

interface FoundRow extends RequestRow {
  readonly client_req_id: string | null
  readonly status: string
  readonly requested_at: Date | null
  readonly updated_at: Date | null
}

/** Reads one request with its audit trail and its references. `columns`: those of a `RequestRow`, as this schema has them. */
export const findRequest = (
  sql: SqlClient,
  columns: Fragment,
  standingOf: (label: string) => RequestRecord["standing"]
) =>
  Effect.fnUntraced(function* (id: string) {
    const [found] = yield* sql<FoundRow>`
      SELECT status::text AS status, client_req_id, req_time_stamp AS requested_at, last_upd_time_stamp AS updated_at, ${columns}
      FROM csb_requests WHERE correlation_id = ${id} AND cloud_provider = 'aws'`
    if (found === undefined) return Option.none()

    const audit = yield* sql<{ readonly status: string | null; readonly at: Date | null; readonly log: string | null }>`
      SELECT status::text AS status, audit_timestamp AS at, audit_log AS log
      FROM csb_requests_audit WHERE correlation_id = ${id} ORDER BY audit_id`
    const references = yield* sql<{ readonly ref_id: string | null }>`
      SELECT ref_id FROM csb_requests_ref WHERE correlation_id = ${id} AND cloud_provider = 'aws'`

    const { client_req_id, requested_at, status, updated_at, ...row } = found
    return Option.some<RequestRecord>({
      status,
      standing: standingOf(status),
      clientRequestId: client_req_id,
      row,
      requestedAt: instant(requested_at),
      updatedAt: instant(updated_at),
      audit: audit.map((it) => ({ status: it.status ?? "", at: instant(it.at), log: it.log ?? "" })),
      references: references.map((it) => it.ref_id ?? "")
    })
  })

const instant = (date: Date | null) => Option.map(Option.fromNullOr(date), (it) => DateTime.fromDateUnsafe(it))
