import { fileURLToPath } from "node:url"
import { PgClient } from "@effect/sql-pg"
import { Context, Effect, Layer, Option, Redacted, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { Redis } from "ioredis"
import { type PostgresServer, startPostgres } from "../local/postgres.ts"
import { findRedis, type RedisServer, startRedis } from "../local/redis.ts"
import { BenchFailure } from "./BenchFailure.ts"

/** The private servers of one run. They end with the scope. */
export class Servers extends Context.Service<
  Servers,
  {
    /** Commits are durable: fsync is on. */
    readonly postgres: PostgresServer
    readonly redis: RedisServer
    /** The bench's own connection. */
    readonly redisClient: Redis
    /** The local AWS, in a process of its own. */
    readonly awsUrl: string
  }
>()("bench/Servers") {
  static readonly layer = Layer.effect(
    Servers,
    Effect.gen(function* () {
      const binary = yield* Effect.flatMap(
        findRedis,
        Option.match({
          onNone: () => Effect.fail(new BenchFailure({ message: "No Redis here: install redis-server" })),
          onSome: Effect.succeed
        })
      )
      const { awsUrl, postgres, redis } = yield* Effect.all(
        { postgres: startPostgres({ fsync: true }), redis: startRedis(binary), awsUrl: startAws },
        { concurrency: "unbounded" }
      )
      const redisClient = yield* Effect.acquireRelease(
        Effect.sync(() => {
          const client = new Redis({ host: redis.host, port: redis.port })
          // Commands fail by themselves; without a listener each lost connection is a line on the terminal.
          return client.on("error", () => undefined)
        }),
        (client) => Effect.sync(() => client.disconnect())
      )
      return { postgres, redis, redisClient, awsUrl }
    }).pipe(
      Effect.timeoutOrElse({
        duration: "60 seconds",
        orElse: () => Effect.fail(new BenchFailure({ message: "PostgreSQL, Redis or the local AWS did not start" }))
      })
    )
  )
}

/** A client of the bench's own; as a superuser, if no other role is named. */
export const connectTo = (database: string, role?: string) =>
  Layer.unwrap(
    Effect.map(Servers, ({ postgres }) =>
      PgClient.layer({
        host: postgres.host,
        port: postgres.port,
        username: role ?? postgres.user,
        password: Redacted.make(postgres.password),
        database,
        maxConnections: 2
      })
    )
  )

const localAws = fileURLToPath(new URL("../local/aws/main.ts", import.meta.url))

/** The local AWS as its own process: its address, from the first line that it prints. */
const startAws = Effect.gen(function* () {
  const server = yield* ChildProcess.make(process.execPath, [localAws, "--port", "0", "--open"], { stdin: "ignore" })
  const line = yield* server.stdout.pipe(Stream.decodeText(), Stream.splitLines, Stream.runHead)
  const url = /at (http:\/\/\S+?);/.exec(Option.getOrElse(line, () => ""))?.[1]
  if (url === undefined) return yield* new BenchFailure({ message: "the local AWS did not say its address" })
  return url
})
