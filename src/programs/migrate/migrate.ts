import { PgMigrator } from "@effect/sql-pg"
import { Console, Effect } from "effect"
import { SqlClient } from "effect/sql"
import createRequests from "./0001_create_requests.ts"
import { bootstrap, owner } from "./bootstrap.ts"

const migrations = { "0001_create_requests": createRequests }

/**
 * Creates or upgrades our schema (contract §4). Needs one connection for all of it, since what it creates belongs to the role
 * that this connection takes on.
 */
export const migrate = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* bootstrap
  yield* sql`SET ROLE ${sql(owner)}`
  yield* sql`SET search_path = ${sql(owner)}`
  const applied = yield* PgMigrator.run({ loader: PgMigrator.fromRecord(migrations), table: "csb_migrations" })
  yield* Console.log(
    applied.length === 0
      ? `schema ${owner} is up to date`
      : `schema ${owner}: applied ${applied.map(([id, name]) => `${id} ${name}`).join(", ")}`
  )
})
