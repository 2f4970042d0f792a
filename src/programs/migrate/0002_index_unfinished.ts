import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** What order per key and the sweep look for; both only ever among requests that are not finished, which are few. */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE INDEX csb_requests_unfinished_key
    ON csb_requests (account_id, principal, entitlement, req_time_stamp) WHERE status IN ('PENDING', 'IN_PROGRESS')`
  yield* sql`CREATE INDEX csb_requests_unfinished_touched
    ON csb_requests (status, (coalesce(last_upd_time_stamp, req_time_stamp, '-infinity'))) WHERE status IN ('PENDING', 'IN_PROGRESS')`
})
