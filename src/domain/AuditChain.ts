import { createHash } from "node:crypto"
import { Option } from "effect"

/** A row of `csb_requests_audit`. */
export interface ChainedRow {
  readonly auditId: bigint
  /** The database's own label. */
  readonly status: string
  /** Unix microseconds; null: an infinite time. */
  readonly at: bigint | null
  readonly log: string | null
  /** In hex; null: this is the first row with a hash. */
  readonly previousHash: string | null
  /** In hex; null: this row is from before rows were chained. */
  readonly hash: string | null
}

/** A request with all of its audit rows, in the order of their ids. */
export interface Trail {
  readonly correlationId: string
  readonly accountId: string
  /** The database's own label. */
  readonly status: string
  readonly rows: ReadonlyArray<ChainedRow>
}

/** Where a trail is broken. */
export interface Break {
  /** Null: at its end. */
  readonly auditId: bigint | null
  readonly why: string
}

/**
 * What a row's hash has to be: SHA-256, in hex, of the hash before it (`-`: none), what the row says, and its text, which comes last since it may
 * contain spaces. The trigger of migration 0004 computes the same; this is a second implementation, so that a changed trigger shows.
 */
export const hashOf = (correlationId: string, { at, auditId, log, previousHash, status }: Omit<ChainedRow, "hash">) =>
  createHash("sha256")
    .update([previousHash ?? "-", auditId, correlationId, status, at, ...(log === null ? [] : [log])].join(" "))
    .digest("hex")

/**
 * The first place at which a trail is not as it was written; none: it is intact. `chainedAfter`: the last audit id from before rows were
 * chained. Three changes do not show: one by someone who recomputed all later hashes of the request, one to the rows from before the chain,
 * and the removal of a request with its whole trail.
 */
export const firstBreak = (trail: Trail, chainedAfter: bigint): Option.Option<Break> => {
  let previous: string | null = null
  for (const row of trail.rows) {
    const why = breakAt(trail, row, previous, chainedAfter)
    if (why !== undefined) return Option.some({ auditId: row.auditId, why })
    previous = row.hash
  }
  const last = trail.rows.at(-1)
  // The API need not write an audit row.
  return (last?.status ?? "PENDING") === trail.status
    ? Option.none()
    : Option.some({
        auditId: null,
        why: `the request is ${trail.status}, and ${last === undefined ? "it has no audit row" : `the last row says ${last.status}`}: rows are missing, or its status was changed by hand`
      })
}

const breakAt = ({ correlationId }: Trail, row: ChainedRow, previous: string | null, chainedAfter: bigint) => {
  if (row.hash === null) {
    return previous !== null || row.auditId > chainedAfter
      ? "it has no hash, so it was put in behind the trigger's back, or its hash was taken away"
      : undefined
  }
  if (row.hash !== hashOf(correlationId, row)) return "it does not say what it said when it was written"
  return row.previousHash === previous
    ? undefined
    : "the row before it is not the one that it was written after: that was changed or taken out, or another put in"
}
