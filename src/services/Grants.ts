import type { DateTime, Effect, Option } from "effect"
import { Context } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import type { Intervention } from "../domain/Intervention.ts"

/** Access that was granted for a time, and has not ended. */
export interface Grant {
  /** Of the request that granted it. */
  readonly id: string
  /** Of the request that ends it. */
  readonly endId: string
  readonly accountId: string
  readonly principalType: string
  readonly principal: string
  readonly entitlementType: string
  readonly entitlement: string
  readonly endsAt: DateTime.Utc
  /** It should have ended by now. */
  readonly overdue: boolean
  /** Of the request that ends it: the database's own label. FAILED: the access did not end. */
  readonly status: string
  /** Whether the policy was attached before the grant, and stays when it ends; null: nobody has looked. */
  readonly attachedBefore: boolean | null
}

/** How many grants are listed at most. */
export const mostGrants = 1_000

/** What became of an attempt to move a grant's end. */
export interface Moved {
  readonly id: string
  readonly endId: string
  readonly endsAt: DateTime.Utc
  /** False: its end is not pending any more, but has this status. */
  readonly moved: boolean
  readonly status: string
}

/** Grants for a time, as operators see and change them. A grant is named by its own id or by that of its end. */
export class Grants extends Context.Service<
  Grants,
  {
    /** Those that end next first, up to `mostGrants`. */
    readonly list: (of: {
      readonly accountId: Option.Option<string>
      readonly principal: Option.Option<string>
    }) => Effect.Effect<ReadonlyArray<Grant>, SqlError>
    /** Makes the end due now. None: there is no such grant, or it has no end. */
    readonly end: (id: string, intervention: Intervention) => Effect.Effect<Option.Option<Moved>, SqlError>
    /** Puts the end off by some minutes, counted from now if it is due already. */
    readonly extend: (
      id: string,
      minutes: number,
      intervention: Intervention
    ) => Effect.Effect<Option.Option<Moved>, SqlError>
  }
>()("worker-service-aws/services/Grants") {}
