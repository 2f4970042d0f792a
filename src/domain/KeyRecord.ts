import type { Change, InDoubt } from "./Access.ts"

/** Milliseconds that the end of a grant may take once its time has come, before it counts as overdue. */
export const endGrace = 120_000

/** What the records say of one policy of one user or role, as its requests name them. Only of such that a settled request may have changed. */
export interface KeyRecord {
  /** In any letter case; null: rows do not say it. */
  readonly principalType: string | null
  readonly entitlementType: string | null
  readonly entitlement: string
  /**
   * What its settled requests did, in the order in which they took effect; some that a later one of the same kind makes meaningless may be
   * left out. A grant whose end is overdue holds no more.
   */
  readonly history: ReadonlyArray<Change | InDoubt>
  /** Milliseconds since the last of them was settled. */
  readonly age: number
  /** A request of that name, however it is spelled, is in progress, or waits and is not an overdue end. */
  readonly inFlight: boolean
  /** Milliseconds until the last of the grants ends that hold it for a time; null: none does. */
  readonly endsIn: number | null
  /** The request that was to end a grant and has not: an overdue one that waits, or else the last one that failed. Null: none. */
  readonly end: { readonly id: string; readonly status: "PENDING" | "FAILED" } | null
}
