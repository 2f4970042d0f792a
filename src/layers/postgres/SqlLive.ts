import { PgClient } from "@effect/sql-pg"
import { Context, Effect, FileSystem, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import { BackendUnavailable } from "../../domain/StartupError.ts"
import { ConfigInvalid, DatabaseConfig } from "../../services/Config.ts"

/** How to connect, from the environment. */
export const pgOptions = Effect.gen(function* () {
  const config = yield* DatabaseConfig
  const ca = yield* Effect.transposeOption(Option.map(config.sslCa, readCa))
  return {
    host: config.host,
    port: config.port,
    username: config.user,
    password: config.password,
    database: config.database,
    maxConnections: config.maxConnections,
    ssl:
      config.ssl === "disable"
        ? false
        : { rejectUnauthorized: config.ssl === "verify-full", ...(Option.isSome(ca) && { ca: ca.value }) },
    applicationName: "worker-service-aws",
    connectTimeout: "5 seconds"
  } satisfies PgClient.PgPoolConfig
})

/** Fails when PostgreSQL cannot be used now; afterwards connections are opened anew as they are needed. */
export const reachable = <A extends SqlClient.SqlClient, E, R>(client: Layer.Layer<A | SqlClient.SqlClient, E, R>) =>
  Layer.tap(client, (context) =>
    Effect.gen(function* () {
      const { database, host, port, user } = yield* DatabaseConfig
      yield* Context.get(context, SqlClient.SqlClient)`SELECT 1`.pipe(
        Effect.mapError(
          (error) =>
            new BackendUnavailable({
              backend: "PostgreSQL",
              address: `${user}@${host}:${port}/${database}`,
              reason: reasonOf(error),
              remedy: "Check that it runs, and DB_HOST, DB_PORT, DB_USER, DB_PASSWORD, DB_NAME, DB_SSL"
            })
        )
      )
    })
  )

/** The pool, whose connections carry the statements of many jobs at once, pipelined. */
export const SqlLive = Layer.unwrap(
  Effect.map(pgOptions, (options) => reachable(PgClient.layer({ ...options, multiplex: true })))
)

const reasonOf = ({ message, reason: { cause } }: SqlError): string =>
  cause instanceof Error ? cause.message : message

const readCa = (path: string) =>
  Effect.flatMap(FileSystem.FileSystem, (files) => files.readFileString(path)).pipe(
    Effect.mapError((error) => new ConfigInvalid({ faults: [`DB_SSL_CA: ${error.message}`] }))
  )
