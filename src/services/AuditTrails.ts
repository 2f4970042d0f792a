import type { Effect, Option } from "effect"
import { Context } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import type { Trail } from "../domain/AuditChain.ts"

export interface TrailPage {
  readonly trails: ReadonlyArray<Trail>
  /** Where the next page begins: after this request. None: this was the last. */
  readonly next: Option.Option<string>
}

/** The audit trails of AWS requests, to be checked (`domain/AuditChain.ts`). */
export class AuditTrails extends Context.Service<
  AuditTrails,
  {
    /**
     * The last audit id from before rows were chained: rows up to it need no hash. None: this database does not chain them, because it is a legacy
     * one or `migrate` of this version has not run.
     */
    readonly chainedAfter: Effect.Effect<Option.Option<bigint>, SqlError>
    /**
     * A few hundred requests in the order of their ids, after this one, each with its trail from one snapshot. If an account is given, only
     * those of them that are its own: a page may be empty and not the last.
     */
    readonly page: (
      after: Option.Option<string>,
      accountId: Option.Option<string>
    ) => Effect.Effect<TrailPage, SqlError>
  }
>()("worker-service-aws/services/AuditTrails") {}
