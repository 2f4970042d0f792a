import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * What the worker's role may not do to requests, although its rights on the table would allow it. An end that it writes removes what its
 * grant gives and nothing else, since a policy to be detached may be one that denies. What a request asks for stands once it is filled in,
 * and so does a success. Whoever may act as the owner can correct both by hand.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`DROP POLICY aws_inserts_ends ON csb_requests`
  yield* sql`CREATE POLICY aws_inserts_ends ON csb_requests AS RESTRICTIVE FOR INSERT TO csb_aws_user
    WITH CHECK (action = 'remove' AND status = 'PENDING' AND not_before IS NOT NULL AND EXISTS (
      SELECT FROM csb_requests AS granted
      WHERE granted.correlation_id = csb_requests.parent_id AND granted.action = 'add' AND granted.duration_minutes IS NOT NULL
        AND granted.account_id = csb_requests.account_id AND granted.principal = csb_requests.principal
        AND granted.entitlement = csb_requests.entitlement
        AND granted.principal_type IS NOT DISTINCT FROM csb_requests.principal_type
        AND granted.entitlement_type IS NOT DISTINCT FROM csb_requests.entitlement_type))`

  // A policy does not see a row's old and new values at once. Called only where the condition below holds, so that jobs do not pay for it.
  yield* sql`CREATE FUNCTION csb_keep_request() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
    BEGIN
      IF pg_has_role(current_user, 'csb_app', 'MEMBER') THEN RETURN NEW; END IF;
      RAISE EXCEPTION 'request % is done, or asks for something else', OLD.correlation_id USING ERRCODE = 'insufficient_privilege';
    END $$`
  yield* sql`CREATE TRIGGER csb_keep_request BEFORE UPDATE ON csb_requests FOR EACH ROW
    WHEN (OLD.status = 'SUCCESS'
      OR (OLD.principal_type IS NOT NULL AND NEW.principal_type IS DISTINCT FROM OLD.principal_type)
      OR (OLD.entitlement_type IS NOT NULL AND NEW.entitlement_type IS DISTINCT FROM OLD.entitlement_type)
      OR (OLD.duration_minutes IS NOT NULL AND NEW.duration_minutes IS DISTINCT FROM OLD.duration_minutes))
    EXECUTE FUNCTION csb_keep_request()`
})
