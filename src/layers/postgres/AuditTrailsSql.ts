import { Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import type { ChainedRow, Trail } from "../../domain/AuditChain.ts"
import { AuditTrails } from "../../services/AuditTrails.ts"
import { readDialect } from "./catalog.ts"
import { firstPage, pageAfter, trailsOfPage } from "./trailStatements.ts"

interface RequestRow {
  readonly correlationId: string
  readonly accountId: string
  readonly requestStatus: string
}

/** A request without audit rows has one, in which their columns are null. */
type Row = RequestRow & (ChainedRow | { readonly auditId: null })

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
      // From the constraint of migration 0004. If somebody drops that, no row may be without a hash.
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
            trails.length < trailsOfPage
              ? Option.none()
              : Option.map(Option.fromUndefinedOr(trails.at(-1)), ({ correlationId }) => correlationId)
        }
      })
    })
  })
)
