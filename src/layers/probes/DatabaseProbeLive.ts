import { Effect, FileSystem, Layer } from "effect"
import { SqlClient } from "effect/sql"
import type { Job } from "../../domain/Job.ts"
import { type DatabaseServer, DatabaseProbe, type Unfound } from "../../services/DatabaseProbe.ts"
import { DatabaseConfigLive } from "../environment/ConfigLive.ts"
import { type Dialect, readDialect, tables } from "../postgres/catalog.ts"
import { missingGrants } from "../postgres/grants.ts"
import { missingIndexes } from "../postgres/missingIndexes.ts"
import { outlookOf } from "../postgres/outlook.ts"
import { refusedStatements } from "../postgres/refusedStatements.ts"
import { SqlLive } from "../postgres/SqlLive.ts"
import { visibility } from "../postgres/visibility.ts"

export const DatabaseProbeLive = Layer.effect(
  DatabaseProbe,
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    return DatabaseProbe.of({
      connect: Effect.gen(function* () {
        const context = yield* Layer.build(Layer.provide(SqlLive, DatabaseConfigLive))
        const inSession = Effect.provide(context)
        const dialect = yield* Effect.cached(Effect.catchTag(inSession(readDialect), "SchemaError", Effect.die))
        return {
          server: inSession(server),
          labels: Effect.map(dialect, ({ labels }) => labels),
          behind: Effect.flatMap(dialect, (it) => inSession(behind(it))),
          unfound: inSession(unfound),
          missingGrants: Effect.flatMap(dialect, (it) => inSession(missingGrants(it))),
          visibility: inSession(visibility),
          refusedStatements: Effect.flatMap(dialect, (it) => inSession(refusedStatements(it))),
          missingIndexes: Effect.flatMap(dialect, (it) => inSession(missingIndexes(it))),
          outlook: (job: Job, orphansBefore: number) =>
            Effect.flatMap(dialect, (it) => inSession(outlookOf(it, job, orphansBefore)))
        }
      }).pipe(Effect.provideService(FileSystem.FileSystem, files))
    })
  })
)

const server = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [found] = yield* sql<DatabaseServer>`
    SELECT split_part(current_setting('server_version'), ' ', 1) AS version, quote_ident(current_user) AS user,
      current_database() AS database,
      pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS "readOnly"`
  return found ?? { version: "unknown", user: "unknown", database: "unknown", readOnly: false }
})

const behind = Effect.fnUntraced(function* ({ chained, tellsHistory }: Dialect) {
  if (chained && tellsHistory) return false
  const sql = yield* SqlClient.SqlClient
  const [found] = yield* sql<{ readonly ours: boolean }>`SELECT to_regclass('csb_migrations') IS NOT NULL AS ours`
  return found?.ours === true
})

const unfound = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  return yield* sql<Unfound>`
    SELECT c.relname::text AS "table", quote_ident(n.nspname) AS schema, has_schema_privilege(n.oid, 'USAGE') AS usable
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = ANY (${tables}::text[]) AND c.relkind IN ('r', 'p', 'v', 'f') AND to_regclass(c.relname::text) IS NULL
    ORDER BY 2, 1`
})
