import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * Each audit row carries a hash over what it says and over the hash of its request's row before it, so that a row that is changed, taken
 * out or put in later shows; `domain/AuditChain.ts` computes the same. A trigger fills the hashes in, with the owner's rights, since the API
 * may not read audit rows. It handles a request's rows one after the other by locking the request, which whoever changes a request has
 * locked already, and which the audit row's foreign key would lock next. A separate lock could be taken in another order, and deadlock.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`ALTER TABLE csb_requests_audit ADD previous_hash bytea, ADD hash bytea`

  // A trigger's function, being volatile, sees what was committed while it waited, and the rows before in the same statement:
  // https://www.postgresql.org/docs/current/trigger-datachanges.html
  yield* sql`CREATE FUNCTION chain_audit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    -- Nothing of whoever inserts comes before the catalog and our schema:
    -- https://www.postgresql.org/docs/current/sql-createfunction.html#SQL-CREATEFUNCTION-SECURITY
    SET search_path = pg_catalog, csb_app, pg_temp
    AS $$
    BEGIN
      PERFORM FROM csb_requests WHERE correlation_id = NEW.correlation_id FOR NO KEY UPDATE;
      SELECT hash INTO NEW.previous_hash FROM csb_requests_audit
        WHERE correlation_id = NEW.correlation_id ORDER BY audit_id DESC LIMIT 1;
      -- Drawn again under the lock: the ids go up along the chain, whoever drew one first and whatever an inserter gives.
      NEW.audit_id := nextval('csb_requests_audit_audit_id_seq');
      -- Only the text, which comes last, may have spaces. Without one there is no space either.
      NEW.hash := sha256(convert_to(concat_ws(' ', coalesce(encode(NEW.previous_hash, 'hex'), '-'), NEW.audit_id, NEW.correlation_id,
        NEW.status, (extract(epoch FROM NEW.audit_timestamp) * 1000000)::bigint, NEW.audit_log), 'UTF8'));
      RETURN NEW;
    END
    $$`
  yield* sql`REVOKE EXECUTE ON FUNCTION chain_audit() FROM PUBLIC`
  yield* sql`CREATE TRIGGER chain_audit BEFORE INSERT ON csb_requests_audit FOR EACH ROW EXECUTE FUNCTION chain_audit()`

  // Rows from before stay without a hash. Not validated, since that would read them all, and they are those it allows.
  const [before] = yield* sql<{ readonly last: bigint }>`
    SELECT coalesce(max(audit_id), 0) AS last FROM csb_requests_audit`
  yield* sql`ALTER TABLE csb_requests_audit ADD CONSTRAINT csb_requests_audit_chained
    CHECK (hash IS NOT NULL OR audit_id <= ${sql.literal(String(before?.last ?? 0))}) NOT VALID`
})
