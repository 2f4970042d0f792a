import { randomUUID } from "node:crypto"
import { Context, Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { type Cluster, Redis as Client } from "ioredis"
import { inject } from "vitest"
import { LocalAws } from "../../local/aws/LocalAws.ts"
import type { Job } from "../../src/domain/Job.ts"
import { type Database, legacyDatabase, ourDatabase } from "../database.ts"
import { aJob } from "../fixture.ts"
import { eventually, serversOf } from "./program.ts"

export const account = "123456789012"
export const closedAccount = "210987654321"

/** A database, a queue and an AWS of the test's own, and what the API does with them. */
export class World extends Context.Service<
  World,
  {
    readonly schema: "ours" | "legacy"
    readonly queue: string
    readonly database: Database
    readonly redis: Client | Cluster
    readonly sql: SqlClient.SqlClient
    /** The environment of a worker in this world. */
    readonly env: Readonly<Record<string, string>>
  }
>()("test/World") {}

const make = Effect.fnUntraced(function* (schema: "ours" | "legacy") {
  const redisServer = inject("redis") ?? { host: "127.0.0.1", port: 1 }
  const postgres = inject("postgres")
  const aws = yield* LocalAws
  aws.world.addAccount({
    accountId: account,
    handlerRole: { name: "cSecBridgeIAMHandlerRole", externalId: "ext-1" },
    users: ["alice", "bob"],
    roles: ["deploy"],
    policies: ["team/Auditors"]
  })
  aws.world.addAccount({ accountId: closedAccount, handlerRole: { name: "cSecBridgeIAMHandlerRole", trusted: false } })
  const database = yield* schema === "ours" ? ourDatabase : legacyDatabase
  const context = yield* Layer.build(database.as("postgres"))
  const queue = `queue:${randomUUID()}`
  const redis = yield* Effect.acquireRelease(
    Effect.sync(() => new Client({ ...redisServer, maxRetriesPerRequest: 1 })),
    (client) => Effect.sync(() => client.disconnect())
  )
  return World.of({
    schema,
    queue,
    database,
    redis,
    sql: Context.get(context, SqlClient.SqlClient),
    env: {
      ...serversOf({ aws, redis: redisServer, queue, postgres, database: database.name }),
      AWS_EXTERNAL_ID: "ext-1",
      WORKER_ID: "w-1",
      UNKNOWN_JOB_GRACE: "1 second",
      RETRY_BASE_DELAY: "20 millis"
    }
  })
})

export const world = (schema: "ours" | "legacy" = "ours") =>
  Layer.effect(World, make(schema)).pipe(Layer.provideMerge(LocalAws.layer()))

const tableOf = (schema: "ours" | "legacy") => (schema === "ours" ? "csb_app.csb_requests" : "csb_requests")

/** The row, as the API writes it: the legacy one has no place for what travels in the payload alone. */
export const commitRow = (job: Job, cloud = "aws") =>
  Effect.gen(function* () {
    const { schema, sql } = yield* World
    const pending = schema === "ours" ? "PENDING" : "queued"
    yield* sql`INSERT INTO ${sql.literal(tableOf(schema))}
      (correlation_id, status, cloud_provider, principal, action, entitlement, account_id)
      VALUES (${job.correlation_id}, ${sql.literal(`'${pending}'`)}, ${cloud}, ${job.principal}, ${job.action},
        ${job.entitlement}, ${job.account_id})`
  })

/** The job's bytes; the API caches the status, too. */
export const push = (payload: string | Buffer, correlationId?: string) =>
  Effect.gen(function* () {
    const { queue, redis } = yield* World
    yield* Effect.promise(async () => {
      if (correlationId !== undefined) await redis.setex(`cache:status:${correlationId}`, 300, "PENDING")
      await redis.lpush(queue, payload)
    })
  })

/** A request as the API takes it: the job is pushed before the row is committed. */
export const request = (fields: Partial<Job> = {}, payload?: (job: Job) => string) =>
  Effect.gen(function* () {
    const job = aJob({ received_at: new Date().toISOString(), ...fields })
    yield* push(payload === undefined ? JSON.stringify(job) : payload(job), job.correlation_id)
    yield* commitRow(job)
    return job
  })

export const recordOf = (id: string) =>
  Effect.gen(function* () {
    const { schema, sql } = yield* World
    const prefix = schema === "ours" ? "csb_app." : ""
    const [row] = yield* sql<{ status: string }>`
      SELECT status::text FROM ${sql.literal(tableOf(schema))} WHERE correlation_id = ${id}`
    const audit = yield* sql<{ status: string; audit_log: string }>`
      SELECT status::text, audit_log FROM ${sql.literal(`${prefix}csb_requests_audit`)}
      WHERE correlation_id = ${id} ORDER BY audit_id`
    const references = yield* sql<{ cloud_provider: string; ref_id: string }>`
      SELECT cloud_provider, ref_id FROM ${sql.literal(`${prefix}csb_requests_ref`)} WHERE correlation_id = ${id}`
    return { status: row?.status, audit, references }
  })

/** The record once it has this status. */
export const awaitStatus = (id: string, status: string) =>
  eventually(recordOf(id), (record) => record.status === status)

/** Lengths of the queue, the worker's processing list and the dead letters. */
export const lengths = Effect.gen(function* () {
  const { queue, redis } = yield* World
  return yield* Effect.promise(() =>
    Promise.all([redis.llen(queue), redis.llen(`{${queue}}:processing:w-1`), redis.llen(`${queue}_error`)])
  )
})

export const cached = (id: string) =>
  Effect.flatMap(World, ({ redis }) => Effect.promise(() => redis.exists(`cache:status:${id}`)))

/** The dead letter of a payload, if there is one. */
export const deadLetterOf = (payload: string | Buffer) =>
  Effect.gen(function* () {
    const { queue, redis } = yield* World
    const letters = yield* Effect.promise(() => redis.lrange(`${queue}_error`, 0, -1))
    const bytes = Buffer.from(payload)
    return Option.fromUndefinedOr(
      letters
        .map((letter): Record<string, string> => JSON.parse(letter))
        .find((letter) =>
          letter["payload_base64"] === undefined
            ? Buffer.from(letter["payload"] ?? "").equals(bytes)
            : Buffer.from(letter["payload_base64"], "base64").equals(bytes)
        )
    )
  })
