import { PgMigrator } from "@effect/sql-pg"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import createRequests from "./0001_create_requests.ts"
import indexUnfinished from "./0002_index_unfinished.ts"
import endAccess from "./0003_end_access.ts"
import chainAudit from "./0004_chain_audit.ts"
import keepRequests from "./0005_keep_requests.ts"
import { bootstrap, owner } from "./bootstrap.ts"

const migrations = {
  "0001_create_requests": createRequests,
  "0002_index_unfinished": indexUnfinished,
  "0003_end_access": endAccess,
  "0004_chain_audit": chainAudit,
  "0005_keep_requests": keepRequests
}

/**
 * Creates or upgrades our schema. Needs one connection for all of it, since what it creates belongs to the role that this
 * connection takes on. Answers the migrations that it applied.
 */
export const migrate = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  // Before PostgreSQL 15 everybody may create functions in `public`, and one that matches the arguments better than PostgreSQL's own would run
  // with the rights of whoever migrates. https://www.postgresql.org/docs/current/ddl-schemas.html#DDL-SCHEMAS-PATTERNS
  yield* sql`SET search_path = pg_catalog`
  // Two at once would both find that nothing is there. The lock goes with the connection.
  yield* sql`SELECT pg_advisory_lock(hashtext(${owner}))`
  yield* bootstrap
  yield* sql`SET ROLE ${sql(owner)}`
  yield* sql`SET search_path = ${sql(owner)}`
  // A transaction for each: one that holds a table until another is free would wait for workers and the API, who wait for it.
  const applied = yield* Effect.forEach(Object.entries(migrations), ([name, migration]) =>
    PgMigrator.run({ loader: PgMigrator.fromRecord({ [name]: migration }), table: "csb_migrations" })
  )
  return applied.flat()
})
