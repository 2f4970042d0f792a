import { randomUUID } from "node:crypto"
import { PgClient } from "@effect/sql-pg"
import { Context, Effect, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { Redis } from "ioredis"
import { LocalAws } from "../../local/aws/LocalAws.ts"
import type { PostgresServer } from "../../local/postgres.ts"
import type { RedisServer } from "../../local/redis.ts"
import { serversOf } from "../process/program.ts"
import { replicaSettings } from "./settings.ts"

/** A database, a queue and an AWS, which the replicas share and the harness watches past all proxies. */
export class Stage extends Context.Service<
  Stage,
  {
    readonly aws: LocalAws["Service"]
    readonly sql: SqlClient.SqlClient
    readonly redis: Redis
    readonly queue: string
    /** The environment of a replica that nothing stands before. */
    readonly env: Readonly<Record<string, string>>
  }
>()("test/chaos/Stage") {}

/** Milliseconds that AWS takes for each answer: enough for a job to be met in every state. */
const awsLatency = 25

/** The database has our schema, and all roles there have the superuser's password. */
export const makeStage = (postgres: PostgresServer, database: string, redisServer: RedisServer) =>
  Layer.effect(
    Stage,
    Effect.gen(function* () {
      const aws = yield* LocalAws
      const client = PgClient.layer({
        host: postgres.host,
        port: postgres.port,
        database,
        username: postgres.user,
        password: Redacted.make(postgres.password),
        maxConnections: 4,
        startupParameters: { search_path: "csb_app, public" }
      })
      const redis = yield* Effect.acquireRelease(
        // A command that meets an outage fails at once, as those of the API do; without a listener each is a line on the terminal.
        Effect.sync(() =>
          new Redis({
            ...redisServer,
            maxRetriesPerRequest: 0,
            enableOfflineQueue: false,
            autoResendUnfulfilledCommands: false,
            retryStrategy: () => 50
          }).on("error", () => undefined)
        ),
        (open) => Effect.sync(() => open.disconnect())
      )
      const queue = `queue:${randomUUID()}`
      return {
        aws,
        sql: Context.get(yield* Layer.build(client), SqlClient.SqlClient),
        redis,
        queue,
        env: {
          ...replicaSettings,
          ...serversOf({ aws, redis: redisServer, queue, postgres, database })
        }
      }
    })
  ).pipe(Layer.provide(LocalAws.layer({ open: true, latencyMillis: awsLatency, callLogCapacity: 1_000_000 })))
