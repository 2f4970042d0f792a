import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * What the order on a key and the sweep look for, both only among unfinished requests, which are few. The time at which a request was
 * last touched is written as in the statements, in a form for which row-level security lets PostgreSQL use an index.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE INDEX csb_requests_unfinished_key
    ON csb_requests (account_id, principal, entitlement, req_time_stamp) WHERE status IN ('PENDING', 'IN_PROGRESS')`
  yield* sql`CREATE INDEX csb_requests_pending_touched ON csb_requests ((CASE
    WHEN last_upd_time_stamp IS NOT NULL THEN last_upd_time_stamp
    WHEN req_time_stamp IS NOT NULL THEN req_time_stamp
    ELSE '-infinity' END)) WHERE status = 'PENDING'`
  yield* sql`CREATE INDEX csb_requests_in_progress_touched ON csb_requests ((CASE
    WHEN last_upd_time_stamp IS NOT NULL THEN last_upd_time_stamp
    WHEN req_time_stamp IS NOT NULL THEN req_time_stamp
    ELSE '-infinity' END)) WHERE status = 'IN_PROGRESS'`
})
