import { Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import type { ChainedRow, Trail } from "../../domain/AuditChain.ts"
import { AuditTrails } from "../../services/AuditTrails.ts"
import { readDialect } from "./catalog.ts"

/** Requests of a page. */
const atOnce = 500

interface RequestRow {
  readonly correlationId: string
  readonly accountId: string
  readonly requestStatus: string
}

/** Of a request without audit rows there is one, in which all of them are null. */
type Row = RequestRow & (ChainedRow | { readonly auditId: null })

/**
 * $1 the request after which the page begins, if there is one; $2 the account whose trails are read, or null for all. The page is cut before the
 * account is looked at, so that no statement reads more than a page; one statement, since what a request says and its trail have to be of one time.
 */
const pageOf = (after: boolean) => `
  WITH page AS (
    SELECT correlation_id, account_id, status FROM csb_requests
    WHERE cloud_provider = 'aws' ${after ? "AND correlation_id > $1::uuid" : "AND $1::uuid IS NULL"}
    ORDER BY correlation_id LIMIT ${atOnce}
  )
  SELECT page.correlation_id AS "correlationId", page.account_id AS "accountId", page.status::text AS "requestStatus",
    audit_id AS "auditId", audit.status::text AS status, audit_log AS log,
    CASE WHEN isfinite(audit_timestamp) THEN (extract(epoch FROM audit_timestamp) * 1000000)::bigint END AS at,
    encode(previous_hash, 'hex') AS "previousHash", encode(hash, 'hex') AS hash
  FROM page LEFT JOIN csb_requests_audit AS audit
    ON audit.correlation_id = page.correlation_id AND ($2::text IS NULL OR page.account_id = $2)
  ORDER BY page.correlation_id, audit_id`

const [firstPage, pageAfter] = [pageOf(false), pageOf(true)]

/** The rows of each request come one after the other. */
const trailsOf = (rows: ReadonlyArray<Row>) => {
  const trails: Array<Trail & { readonly rows: Array<ChainedRow> }> = []
  for (const { accountId, correlationId, requestStatus, ...row } of rows) {
    let trail = trails.at(-1)
    if (trail?.correlationId !== correlationId) {
      trail = { correlationId, accountId, status: requestStatus, rows: [] }
      trails.push(trail)
    }
    if (row.auditId !== null) trail.rows.push(row)
  }
  return trails
}

/** `AuditTrails` over PostgreSQL. */
export const AuditTrailsSql = Layer.effect(
  AuditTrails,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const { chained } = yield* readDialect

    return AuditTrails.of({
      // The constraint of migration 0004 says it. Once that is gone, no row may be without a hash.
      chainedAfter: chained
        ? Effect.map(
            sql<{ readonly last: bigint }>`
              SELECT coalesce(max(substring(pg_get_constraintdef(oid) FROM '<= ''?([0-9]+)')::bigint), 0) AS last FROM pg_constraint
              WHERE conrelid = to_regclass('csb_requests_audit') AND conname = 'csb_requests_audit_chained'`,
            (rows) => Option.map(Option.fromUndefinedOr(rows[0]), ({ last }) => last)
          )
        : Effect.succeedNone,

      page: Effect.fnUntraced(function* (after, accountId) {
        const statement = Option.isSome(after) ? pageAfter : firstPage
        const rows = yield* sql.unsafe<Row>(statement, [Option.getOrNull(after), Option.getOrNull(accountId)])
        const trails = trailsOf(rows)
        return {
          trails: trails.filter((trail) => Option.isNone(accountId) || trail.accountId === accountId.value),
          next:
            trails.length < atOnce
              ? Option.none()
              : Option.map(Option.fromUndefinedOr(trails.at(-1)), ({ correlationId }) => correlationId)
        }
      })
    })
  })
)
