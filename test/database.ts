import { randomUUID } from "node:crypto"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { PgClient } from "@effect/sql-pg"
import { Effect, Redacted } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { inject } from "vitest"
import type { PostgresServer } from "../local/postgres.ts"
import { migrate } from "../src/programs/migrate/migrate.ts"
import { createLegacy } from "./legacySchema.ts"

export interface Database {
  readonly name: string
  /** A client as one of the roles; `csb_aws_user` is the worker. */
  readonly as: (
    user: "postgres" | "csb_aws_user" | "csb_api_user",
    connections?: "shared" | "exclusive"
  ) => ReturnType<typeof PgClient.layer>
}

/** All roles have the same password on the private server. */
export const connect = (
  server: PostgresServer,
  database: string,
  user: string,
  connections: "shared" | "exclusive" | "single" = "shared"
) =>
  PgClient.layer({
    host: server.host,
    port: server.port,
    database,
    username: user,
    password: Redacted.make(server.password),
    maxConnections: connections === "single" ? 1 : 4,
    multiplex: connections === "shared",
    // As the migrations set it for the two roles.
    startupParameters: { search_path: "csb_app, public" }
  })

const create = Effect.gen(function* (): Effect.fn.Return<Database, SqlError.SqlError> {
  const server = inject("postgres")
  const name = `test_${randomUUID().replaceAll("-", "")}`
  yield* Effect.flatMap(SqlClient.SqlClient, (sql) => sql`CREATE DATABASE ${sql(name)}`).pipe(
    Effect.provide(connect(server, "postgres", server.user))
  )
  return { name, as: (user, connections) => connect(server, name, user, connections) }
})

/** A database without any tables. */
export const emptyDatabase = create

/** A database with our schema, as the migrations make it. */
export const ourDatabase = Effect.tap(create, ({ name }) =>
  migrate.pipe(
    Effect.provide(connect(inject("postgres"), name, inject("postgres").user, "single")),
    Effect.provide(NodeServices.layer)
  )
)

/** A database with the legacy schema, and the worker's role in it as installations have it. */
export const legacyDatabase = Effect.tap(create, ({ as }) => Effect.provide(createLegacy, as("postgres")))
