import { Effect, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { BenchFailure } from "./BenchFailure.ts"
import type { Batch } from "./Contestant.ts"
import { firstAccount, patienceFor, policy } from "./plan.ts"

/** Of a row, what its payload says. */
export interface Requested {
  readonly correlation_id: string
  readonly principal: string
  readonly account_id: string
}

/** A row's payload, as the API makes it. */
export const payloadOf = (
  { account_id, correlation_id, principal }: Requested,
  name: string,
  received_at: string
): string =>
  JSON.stringify({
    correlation_id,
    client_request_id: name,
    target_cloud: "aws",
    account_id,
    principal,
    principal_type: "User",
    action: "add",
    entitlement: policy,
    entitlement_type: "default",
    received_at
  })

/**
 * Writes the rows, as the API does (the optional columns stay null), and tells their payloads. Every job is for another user,
 * so that none meets a quota.
 */
export const writeRows = Effect.fnUntraced(function* ({ jobs, name }: Batch, accounts: number, first = firstAccount) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<Requested>`
    INSERT INTO csb_app.csb_requests (correlation_id, client_req_id, cloud_provider, principal, action, entitlement, account_id)
    SELECT gen_random_uuid(), ${name}, 'aws', ${name}::text || '-' || n, 'add', ${policy},
      (${first}::bigint + n % ${accounts}::int)::text
    FROM generate_series(1, ${jobs}::int) AS n
    RETURNING correlation_id, principal, account_id`
  yield* sql`ANALYZE csb_app.csb_requests, csb_app.csb_requests_audit`
  const receivedAt = new Date().toISOString()
  return rows.map((row) => payloadOf(row, name, receivedAt))
})

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

/**
 * By PostgreSQL's clock, in milliseconds: from the first claim of the batch to its last final status, and the time from claim to
 * final status that 99 of 100 jobs stay below.
 */
export const timesOf = Effect.fnUntraced(function* ({ name }: Batch) {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* sql<{ readonly wall: number; readonly p99: number }>`
    WITH lives AS (
      SELECT min(audit_timestamp) AS claimed, max(audit_timestamp) AS settled
      FROM csb_app.csb_requests_audit JOIN csb_app.csb_requests USING (correlation_id)
      WHERE client_req_id = ${name} GROUP BY correlation_id
    )
    SELECT (extract(epoch FROM max(settled) - min(claimed)) * 1000)::float8 AS wall,
      percentile_cont(0.99) WITHIN GROUP (ORDER BY (extract(epoch FROM settled - claimed) * 1000)::float8) AS p99
    FROM lives`
  return row ?? { wall: Number.NaN, p99: Number.NaN }
})
