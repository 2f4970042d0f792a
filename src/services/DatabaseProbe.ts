import type { Effect, Scope } from "effect"
import { Context } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import type { Job } from "../domain/Job.ts"
import type { Status } from "../domain/Request.ts"
import type { BackendUnavailable, SchemaUnsupported } from "../domain/StartupError.ts"
import type { ConfigInvalid } from "./Config.ts"

export interface DatabaseServer {
  /** Such as `18.4`. */
  readonly version: string
  readonly user: string
  readonly database: string
  /** A standby, or a database that takes no writes for another reason. */
  readonly readOnly: boolean
}

/** A table that exists, but that the role does not find by its name alone. */
export interface Unfound {
  readonly table: string
  readonly schema: string
  /** Whether the role may use the schema: then only its `search_path` leaves it out. */
  readonly usable: boolean
}

/** A right that the role lacks. `columns`: empty when it is the whole table's, or a sequence's. Names are quoted where they must be. */
export interface MissingGrant {
  readonly privilege: string
  readonly on: string
  readonly columns: ReadonlyArray<string>
}

/** A table whose row-level security lets the role do less than it needs. */
export interface HiddenRows {
  readonly table: string
  readonly command: "SELECT" | "UPDATE" | "INSERT"
}

export interface Visibility {
  /** Whether row-level security applies to the role at all. */
  readonly active: boolean
  /** What the policies certainly forbid. */
  readonly hidden: ReadonlyArray<HiddenRows>
  /** Requests that the table holds by PostgreSQL's own estimate, of all clouds. */
  readonly estimated: number
  /** Whether the role sees any request at all. */
  readonly seesAny: boolean
}

/** A statement of the worker that PostgreSQL would not carry out. */
export interface RefusedStatement {
  readonly name: string
  readonly reason: string
}

/** What a request that is not written yet would meet in the database. */
export interface Outlook {
  /** Unfinished requests on its key, which would come first. */
  readonly ahead: number
  /** Columns that are too short for what it says. */
  readonly tooLong: ReadonlyArray<string>
  /** Whether access that it grants for a time would end. `unknown`: there is room for it, but this role may not write ends. */
  readonly ends: "yes" | "no" | "unknown"
}

/** A connection as the worker makes it. Nothing here changes anything. */
export interface DatabaseSession {
  readonly server: Effect.Effect<DatabaseServer, SqlError>
  /** The labels that the start would work with. */
  readonly labels: Effect.Effect<Readonly<Record<Status, string>>, SqlError | SchemaUnsupported>
  /** Whether an older version's `migrate` made the schema, which then lacks something that this version uses. */
  readonly behind: Effect.Effect<boolean, SqlError | SchemaUnsupported>
  readonly unfound: Effect.Effect<ReadonlyArray<Unfound>, SqlError>
  readonly missingGrants: Effect.Effect<ReadonlyArray<MissingGrant>, SqlError | SchemaUnsupported>
  readonly visibility: Effect.Effect<Visibility, SqlError>
  readonly refusedStatements: Effect.Effect<ReadonlyArray<RefusedStatement>, SqlError | SchemaUnsupported>
  /** What is looked for at each claim or sweep and has no index. */
  readonly missingIndexes: Effect.Effect<ReadonlyArray<string>, SqlError | SchemaUnsupported>
  /** `orphansBefore` as in `Waiting`. */
  readonly outlook: (job: Job, orphansBefore: number) => Effect.Effect<Outlook, SqlError | SchemaUnsupported>
}

/** PostgreSQL as the worker would meet it at its start. */
export class DatabaseProbe extends Context.Service<
  DatabaseProbe,
  { readonly connect: Effect.Effect<DatabaseSession, BackendUnavailable | ConfigInvalid | SqlError, Scope.Scope> }
>()("worker-service-aws/services/DatabaseProbe") {}
