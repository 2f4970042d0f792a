import { DateTime, Effect, Option } from "effect"
import { type ChainedRow, hashOf, type Trail } from "../../domain/AuditChain.ts"
import { AuditTrails } from "../../services/AuditTrails.ts"
import type { Row, Rows } from "./Row.ts"

/** Requests of a page. */
const atOnce = 2

/** Chained when it is read, since nobody can change the rows before that. */
const trailOf = ([correlationId, { audit, row, status }]: readonly [string, Row]): Trail => {
  const rows: Array<ChainedRow> = []
  for (const entry of audit) {
    const said = {
      auditId: entry.id,
      status: entry.status,
      at: BigInt(Math.round(DateTime.toEpochMillis(entry.at) * 1_000)),
      log: entry.log,
      previousHash: rows.at(-1)?.hash ?? null
    }
    rows.push({ ...said, hash: hashOf(correlationId, said) })
  }
  return { correlationId, accountId: row.account_id, status, rows }
}

/** `AuditTrails` of the rows of a `JobStore` in memory. */
export const auditTrailsOf = (rows: Rows) =>
  AuditTrails.of({
    chainedAfter: Effect.succeedSome(0n),
    page: (after, accountId) =>
      Effect.sync(() => {
        const page = Array.from(rows)
          .filter(([id]) => Option.isNone(after) || id > after.value)
          .toSorted(([one], [other]) => (one < other ? -1 : 1))
          .slice(0, atOnce)
        return {
          trails: page.map(trailOf).filter((trail) => Option.isNone(accountId) || trail.accountId === accountId.value),
          next: page.length < atOnce ? Option.none() : Option.fromUndefinedOr(page.at(-1)?.[0])
        }
      })
  })
