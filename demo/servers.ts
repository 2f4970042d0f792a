import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { PgClient } from "@effect/sql-pg"
import { Console, Context, Effect, Layer, Option, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { LocalAws } from "../local/aws/LocalAws.ts"
import { type PostgresServer, startPostgres } from "../local/postgres.ts"
import { findRedis, type RedisServer, startRedis } from "../local/redis.ts"
import { QueueConfigLive } from "../src/layers/environment/ConfigLive.ts"
import { RedisMemory } from "../src/layers/memory/RedisMemory.ts"
import { RedisLive } from "../src/layers/redis/RedisLive.ts"
import { users } from "../src/programs/migrate/bootstrap.ts"
import { migrate } from "../src/programs/migrate/migrate.ts"
import { environment } from "./environment.ts"

/** Milliseconds that the local AWS takes for each answer. */
export const awsLatency = 40

/** The private servers; they end with the scope. */
export class Servers extends Context.Service<
  Servers,
  {
    readonly postgres: PostgresServer
    /** None: it is in this process's memory. */
    readonly redis: Option.Option<RedisServer>
    readonly aws: LocalAws["Service"]
  }
>()("demo/Servers") {
  static readonly layer = Layer.effect(
    Servers,
    Effect.gen(function* () {
      const binary = yield* findRedis
      const servers = yield* Effect.all(
        {
          postgres: startPostgres({ fsync: true }),
          redis: Effect.transposeOption(Option.map(binary, (path) => startRedis(path))),
          aws: LocalAws
        },
        { concurrency: "unbounded" }
      )
      yield* prepareDatabase(servers.postgres)
      yield* Console.log(`  PostgreSQL   on port ${servers.postgres.port}, schema csb_app migrated`)
      yield* Console.log(
        Option.match(Option.all([binary, servers.redis]), {
          onNone: () => "  Redis        in memory, since there is no redis-server or valkey-server on the PATH",
          onSome: ([path, { port }]) => `  Redis        on port ${port}, ${path}`
        })
      )
      yield* Console.log(`  AWS          a local one at ${servers.aws.url}, ${awsLatency} ms for each answer`)
      return servers
    })
  ).pipe(Layer.provide(LocalAws.layer({ latencyMillis: awsLatency })))
}

/** What the worker and the API share: one Redis. */
export const SharedRedis = Layer.unwrap(
  Effect.map(Servers, (servers) =>
    Option.isNone(servers.redis)
      ? RedisMemory
      : RedisLive.pipe(
          Layer.provide(QueueConfigLive),
          Layer.provide(environment(servers, "csb_aws_user")),
          Layer.provide(NodeFileSystem.layer)
        )
  )
)

/** Our schema as `migrate` makes it, and passwords for the roles that it creates without. */
const prepareDatabase = Effect.fnUntraced(function* (server: PostgresServer) {
  yield* Effect.provide(migrate, asSuperuser(server))
  yield* Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    for (const user of users) yield* sql`ALTER ROLE ${sql(user)} PASSWORD ${sql.literal(`'${server.password}'`)}`
  }).pipe(Effect.provide(asSuperuser(server)))
})

const asSuperuser = ({ host, password, port, user }: PostgresServer) =>
  PgClient.layer({
    host,
    port,
    username: user,
    password: Redacted.make(password),
    database: "postgres",
    maxConnections: 1
  })
