import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * Access that ends. The worker may insert the ends of grants and no other requests, and may move their due time. Whether a grant found its
 * policy attached has a column of its own, null while nobody has looked: it is written before AWS is called, and an IN_PROGRESS audit row
 * in its place would end the very claim under which it is written.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`ALTER TABLE csb_requests ADD attached_before boolean`

  yield* sql`GRANT UPDATE (not_before, attached_before),
    INSERT (correlation_id, client_req_id, status, cloud_provider, principal, action, entitlement, account_id,
      principal_type, entitlement_type, not_before, parent_id)
    ON csb_requests TO csb_aws_user`
  yield* sql`CREATE POLICY aws_inserts_ends ON csb_requests AS RESTRICTIVE FOR INSERT TO csb_aws_user
    WITH CHECK (parent_id IS NOT NULL AND action = 'remove' AND status = 'PENDING' AND not_before IS NOT NULL)`

  // What is due, and the ends of a grant.
  yield* sql`CREATE INDEX csb_requests_pending_due ON csb_requests (not_before)
    WHERE status = 'PENDING' AND not_before IS NOT NULL`
  yield* sql`CREATE INDEX csb_requests_parent ON csb_requests (parent_id) WHERE parent_id IS NOT NULL`

  // What happened to an attachment.
  yield* sql`CREATE INDEX csb_requests_settled_key
    ON csb_requests (account_id, principal, entitlement) WHERE status IN ('SUCCESS', 'FAILED')`

  // A search for requests without a job should not meet the many that are not due yet.
  yield* sql`DROP INDEX csb_requests_pending_touched`
  yield* sql`CREATE INDEX csb_requests_pending_touched ON csb_requests ((CASE
    WHEN last_upd_time_stamp IS NOT NULL THEN last_upd_time_stamp
    WHEN req_time_stamp IS NOT NULL THEN req_time_stamp
    ELSE '-infinity' END)) WHERE status = 'PENDING' AND not_before IS NULL`
})
