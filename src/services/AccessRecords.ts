import type { Effect, Option } from "effect"
import { Context } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import type { KeyRecord } from "../domain/KeyRecord.ts"
import type { Principal } from "../domain/PolicyChange.ts"

/** A user or role by its name alone, as rows have it: not checked yet. */
export interface NamedPrincipal {
  readonly accountId: string
  readonly principal: string
}

/** What a database role may do with the records. */
export interface RecordRights {
  readonly role: string
  /** Whether it may read requests and their audit trail. */
  readonly reads: boolean
  /** Whether it may write ordinary requests. */
  readonly submits: boolean
}

/** What the records say that IAM should have. */
export class AccessRecords extends Context.Service<
  AccessRecords,
  {
    /** Whether rows say enough: not in the legacy schema, nor in ours before migration 0003. */
    readonly complete: boolean
    readonly rights: Effect.Effect<RecordRights, SqlError>
    /** A few hundred with settled requests, in ascending order of account and name, after an account or a principal. */
    readonly principals: (of: {
      readonly accountId: Option.Option<string>
      readonly behind: Option.Option<{ readonly accountId: string; readonly principal: Option.Option<string> }>
    }) => Effect.Effect<ReadonlyArray<NamedPrincipal>, SqlError>
    readonly keysOf: (principal: NamedPrincipal) => Effect.Effect<ReadonlyArray<KeyRecord>, SqlError>
    /** Whether requests that have not failed name the user or role in another letter case, too. Reads all those of the account. */
    readonly isSpelledOtherwise: (principal: Principal) => Effect.Effect<boolean, SqlError>
  }
>()("worker-service-aws/services/AccessRecords") {}
