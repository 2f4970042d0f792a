import { connect } from "node:net"
import { PgClient } from "@effect/sql-pg"
import { Context, Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { reasonOf } from "../../domain/reasonOf.ts"
import { BackendUnavailable, remedyFor } from "../../domain/StartupError.ts"
import { DatabaseConfig } from "../../services/Config.ts"

/** Milliseconds after which PostgreSQL gives up on a statement, such as one that waits for a lock; ours take only a few. */
const statementTimeout = 10_000

/** Milliseconds; longer than any statement may take. */
const silence = 15_000

/**
 * A connection on which nothing has arrived for a while is closed. Either it is idle, and another is opened when one is needed; or
 * PostgreSQL is gone without a word, and the statements that wait on it have to fail so that they are retried elsewhere.
 */
const connectTo = ({ host, port }: DatabaseConfig["Service"]) => {
  const socket = connect({ host, port, noDelay: true })
  return socket.setTimeout(silence, () => socket.destroy(new Error(`no answer within ${silence} ms`)))
}

/** How to connect, from the environment. */
export const pgOptions = Effect.map(
  DatabaseConfig,
  (config) =>
    ({
      host: config.host,
      port: config.port,
      username: config.user,
      password: config.password,
      database: config.database,
      maxConnections: config.maxConnections,
      ssl:
        config.ssl === "disable"
          ? false
          : { rejectUnauthorized: config.ssl === "verify-full", ca: Option.getOrUndefined(config.sslCa) },
      applicationName: "worker-service-aws",
      connectTimeout: "5 seconds"
    }) satisfies PgClient.PgPoolConfig
)

/** Fails when PostgreSQL cannot be used now; afterwards connections are opened anew as they are needed. */
export const reachable = <A extends SqlClient.SqlClient, E, R>(client: Layer.Layer<A | SqlClient.SqlClient, E, R>) =>
  Layer.tap(client, (context) =>
    Effect.gen(function* () {
      const { database, host, port, user } = yield* DatabaseConfig
      yield* Context.get(context, SqlClient.SqlClient)`SELECT 1`.pipe(
        Effect.mapError((error) => {
          const reason = reasonOf(error)
          return new BackendUnavailable({
            backend: "PostgreSQL",
            address: `${user}@${host}:${port}/${database}`,
            reason,
            remedy: remedyFor(reason, {
              check: ["DB_HOST", "DB_PORT", "DB_USER", "DB_PASSWORD", "DB_NAME", "DB_SSL"],
              ca: "DB_SSL_CA"
            })
          })
        })
      )
    })
  )

/** The pool, whose connections carry the statements of many jobs at once, pipelined. */
export const SqlLive = Layer.unwrap(
  Effect.gen(function* () {
    const options = yield* pgOptions
    const config = yield* DatabaseConfig
    return reachable(
      PgClient.layer({
        ...options,
        multiplex: true,
        stream: () => connectTo(config),
        startupParameters: { statement_timeout: String(statementTimeout) }
      })
    )
  })
)

/**
 * A connection or two for people who look, opened when they do. On one of the jobs' connections, a statement that reads a whole table would
 * hold up the jobs' statements behind it.
 */
export const ViewersSqlLive = Layer.unwrap(
  Effect.gen(function* () {
    const options = yield* pgOptions
    const config = yield* DatabaseConfig
    return PgClient.layer({
      ...options,
      applicationName: "worker-service-aws dashboard",
      maxConnections: 2,
      idleTimeout: "30 seconds",
      stream: () => connectTo(config),
      startupParameters: { statement_timeout: String(statementTimeout) }
    })
  })
)
