import { Effect, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { BenchFailure } from "./BenchFailure.ts"
import { firstAccount, patienceFor, policy } from "./plan.ts"
import { onRedis } from "./redis.ts"

export const queue = "queue:aws"
const staged = "bench:staged"

/** Payloads in one LPUSH. */
const pushAtOnce = 1_000

/** Some jobs under one name, which is their rows' `client_req_id`. */
export interface Batch {
  readonly name: string
  readonly jobs: number
}

/**
 * Writes the rows, as the API does (the optional columns stay null), and puts the payloads where the worker does not look
 * yet. Every job is for another user, so that none meets a quota.
 */
export const stage = Effect.fnUntraced(function* ({ jobs, name }: Batch, accounts: number) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{
    readonly correlation_id: string
    readonly principal: string
    readonly account_id: string
  }>`
    INSERT INTO csb_app.csb_requests (correlation_id, client_req_id, cloud_provider, principal, action, entitlement, account_id)
    SELECT gen_random_uuid(), ${name}, 'aws', ${name}::text || '-' || n, 'add', ${policy},
      (${firstAccount}::bigint + n % ${accounts}::int)::text
    FROM generate_series(1, ${jobs}::int) AS n
    RETURNING correlation_id, principal, account_id`
  yield* sql`ANALYZE csb_app.csb_requests, csb_app.csb_requests_audit, csb_app.csb_requests_ref`

  const received_at = new Date().toISOString()
  const payloads = rows.map((row) =>
    JSON.stringify({
      ...row,
      client_request_id: name,
      target_cloud: "aws",
      principal_type: "User",
      action: "add",
      entitlement: policy,
      entitlement_type: "default",
      received_at
    })
  )
  for (let start = 0; start < payloads.length; start += pushAtOnce) {
    yield* onRedis((redis) => redis.lpush(staged, ...payloads.slice(start, start + pushAtOnce)))
  }
})

/** Makes the staged payloads the worker's queue, all at once. */
export const release = onRedis((redis) => redis.rename(staged, queue))

/** Waits until every row has its final status. */
export const awaitSettled = Effect.fnUntraced(function* ({ jobs, name }: Batch) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    SELECT FROM csb_app.csb_requests
    WHERE client_req_id = ${name} AND status IN ('PENDING', 'IN_PROGRESS') LIMIT 1`.pipe(
    Effect.repeat({ until: (unfinished) => unfinished.length === 0, schedule: Schedule.spaced("100 millis") }),
    Effect.timeoutOrElse({
      duration: patienceFor(jobs),
      orElse: () => Effect.fail(new BenchFailure({ message: `${name}: ${jobs} jobs did not settle in time` }))
    })
  )
})

/** Milliseconds from the first claim to the last final status, by PostgreSQL's clock. */
export const settledWithin = Effect.fnUntraced(function* ({ name }: Batch) {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* sql<{ readonly millis: number }>`
    SELECT (extract(epoch FROM max(audit_timestamp) - min(audit_timestamp)) * 1000)::float8 AS millis
    FROM csb_app.csb_requests_audit JOIN csb_app.csb_requests USING (correlation_id)
    WHERE client_req_id = ${name}`
  return row?.millis ?? Number.NaN
})
