import { Effect, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { payloadOf, type Requested } from "./jobs.ts"
import { firstAccount, policy } from "./plan.ts"
import { prepareDatabase, writePast } from "./prepare.ts"
import { onRedis } from "./redis.ts"
import { connectTo } from "./servers.ts"

/** The database and the queue of a system in long use, beside the usual ones. */
export const fullDatabase = "full"
export const fullQueue = "queue:full"
export const fullName = "million"

/** Payloads in one LPUSH, and such commands under way at once. */
const pushAtOnce = 1_000
const underWay = 4

/** So many settled requests in a database of its own, and so many pending ones with their jobs in a queue of its own. */
export const fill = Effect.fnUntraced(function* (size: number, accounts: number) {
  const sql = yield* SqlClient.SqlClient
  yield* Effect.acquireRelease(sql`CREATE DATABASE ${sql(fullDatabase)}`, () =>
    Effect.orDie(sql`DROP DATABASE ${sql(fullDatabase)} WITH (FORCE)`)
  )
  yield* prepareDatabase(fullDatabase)
  yield* Effect.gen(function* () {
    const full = yield* SqlClient.SqlClient
    // Without it each row's foreign key is looked up, which takes most of the time; they are right as they are made.
    yield* full`SET LOCAL session_replication_role = replica`.pipe(
      Effect.andThen(writePast(size)),
      Effect.andThen(writePending(size, accounts)),
      full.withTransaction
    )
    yield* full`VACUUM ANALYZE`
    yield* full`CHECKPOINT`
    yield* queueAll
  }).pipe(Effect.provide(connectTo(fullDatabase)))
})

/** A millisecond apart, the last one now. */
const writePending = Effect.fnUntraced(function* (size: number, accounts: number) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    INSERT INTO csb_app.csb_requests (correlation_id, client_req_id, req_time_stamp, cloud_provider, principal, action,
      entitlement, account_id)
    SELECT gen_random_uuid(), ${fullName}, now() - (${size}::int - n) * interval '1 millisecond', 'aws',
      ${fullName}::text || '-' || n, 'add', ${policy}, (${firstAccount}::bigint + n % ${accounts}::int)::text
    FROM generate_series(1, ${size}::int) AS n`
})

/** The oldest first, as they came. */
const queueAll = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const receivedAt = new Date().toISOString()
  yield* sql<Requested>`
    SELECT correlation_id, principal, account_id FROM csb_app.csb_requests WHERE client_req_id = ${fullName}
    ORDER BY req_time_stamp`.stream.pipe(
    Stream.map((row) => payloadOf(row, fullName, receivedAt)),
    Stream.grouped(pushAtOnce),
    // ioredis sends what is under way in the order in which it was given.
    Stream.mapEffect((payloads) => onRedis((redis) => redis.lpush(fullQueue, ...payloads)), { concurrency: underWay }),
    Stream.runDrain
  )
})
