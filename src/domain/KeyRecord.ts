import type { Change, InDoubt } from "./Access.ts"

/** Milliseconds that the end of a grant may take after its due time before it counts as overdue. */
export const endGrace = 120_000

/** What the records say about one policy on one user or role, named as its requests name them. Only where a settled request may have changed it. */
export interface KeyRecord {
  /** In any letter case; null: the rows do not say. */
  readonly principalType: string | null
  readonly entitlementType: string | null
  readonly entitlement: string
  /**
   * What its settled requests did, in the order in which they took effect; those that a later one of the same kind makes irrelevant may be
   * left out. A grant whose end is overdue counts as `no more`.
   */
  readonly history: ReadonlyArray<Change | InDoubt>
  /** Milliseconds since the last of them was settled. */
  readonly age: number
  /** A request of that name, however it is spelled, is in progress, or is pending and not an overdue end. */
  readonly inFlight: boolean
  /** Milliseconds until the end of the last grant that holds it for a time; null: none does. */
  readonly endsIn: number | null
  /** The end of a grant that has not taken effect: an overdue one that is pending, or else the last one that failed. Null: none. */
  readonly end: { readonly id: string; readonly status: "PENDING" | "FAILED" } | null
}
