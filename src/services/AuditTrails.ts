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
     * The last audit id of before rows were chained: none up to it needs a hash. None: this database does not chain them, as it is a legacy one, or
     * `migrate` of this version has not run.
     */
    readonly chainedAfter: Effect.Effect<Option.Option<bigint>, SqlError>
    /**
     * Some hundred requests in the order of their ids, after this one, each with its trail as it was at one time. Of them only those of the
     * account, if one is given: a page may be empty and not the last.
     */
    readonly page: (
      after: Option.Option<string>,
      accountId: Option.Option<string>
    ) => Effect.Effect<TrailPage, SqlError>
  }
>()("worker-service-aws/services/AuditTrails") {}
