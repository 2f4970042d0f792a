import { Context, Effect, Exit, Layer, Redacted, Ref, Scope } from "effect"
import { PgClient } from "@effect/sql-pg"
import { SqlClient } from "effect/sql"
import { freePort } from "../../local/freePort.ts"
import { preparePostgres } from "../../local/postgres.ts"
import { startRedisOn } from "../../local/redis.ts"
import { users } from "../../src/programs/migrate/bootstrap.ts"
import { migrate } from "../../src/programs/migrate/migrate.ts"
import { makeStage } from "./Stage.ts"

/** A server that can be taken away and comes back at the same address. */
interface Restartable {
  readonly crash: Effect.Effect<void>
  readonly start: Effect.Effect<void>
}

/** The servers of a stage of its own. */
export class PrivateServers extends Context.Service<
  PrivateServers,
  {
    /** Crashes as `pg_ctl stop -m immediate` does it: https://www.postgresql.org/docs/current/server-shutdown.html */
    readonly postgres: Restartable
    /** Comes back empty. */
    readonly redis: Restartable
  }
>()("test/chaos/PrivateServers") {}

/** `crash` is done once nothing runs any more. */
const restartable = Effect.fnUntraced(function* <A, E, R>(
  run: Effect.Effect<A, E, R | Scope.Scope>,
  crash: (running: A) => Effect.Effect<void>
) {
  const parent = yield* Effect.scope
  const context = yield* Effect.context<Exclude<R, Scope.Scope>>()
  const launch = Effect.gen(function* () {
    const scope = yield* Scope.fork(parent)
    const running = yield* Scope.provide(run, scope)
    return { end: Effect.andThen(crash(running), Scope.close(scope, Exit.void)) }
  }).pipe(Effect.orDie, Effect.provideContext(context))
  const current = yield* Ref.make(yield* launch)
  return {
    crash: Effect.flatMap(Ref.get(current), ({ end }) => end),
    start: Effect.flatMap(launch, (running) => Ref.set(current, running))
  } satisfies Restartable
})

/** A stage with PostgreSQL and Redis of its own, which can be taken away. */
export const privateStage = (redisBinary: string) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const { run, server } = yield* preparePostgres({ fsync: false })
      const postgres = yield* restartable(run, (child) =>
        Effect.callback<void>((resume) => {
          child.once("close", () => resume(Effect.void))
          child.kill("SIGQUIT")
        })
      )
      const port = yield* freePort
      const redis = yield* restartable(startRedisOn(port, redisBinary), () => Effect.void)

      yield* Effect.gen(function* () {
        yield* migrate
        const sql = yield* SqlClient.SqlClient
        yield* sql`RESET ROLE`
        for (const user of users) yield* sql`ALTER ROLE ${sql(user)} PASSWORD ${sql.literal(`'${server.password}'`)}`
      }).pipe(
        Effect.provide(
          PgClient.layer({
            host: server.host,
            port: server.port,
            username: server.user,
            password: Redacted.make(server.password),
            database: "postgres",
            maxConnections: 1
          })
        )
      )
      return Layer.merge(
        makeStage(server, "postgres", { host: "127.0.0.1", port }),
        Layer.succeed(PrivateServers, { postgres, redis })
      )
    })
  )
