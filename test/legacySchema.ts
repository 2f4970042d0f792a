import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** The schema of installations that ran the Python worker, and what the worker's role may do there. */
export const createLegacy = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TYPE status_enum AS ENUM ('success', 'failed', 'rollback', 'queued', 'in_progress')`
  yield* sql`CREATE TABLE csb_requests (
    correlation_id uuid PRIMARY KEY,
    client_req_id varchar(255),
    status status_enum,
    req_time_stamp timestamptz DEFAULT now(),
    last_upd_time_stamp timestamptz,
    cloud_provider varchar(50),
    principal varchar(255),
    action varchar(50),
    entitlement varchar(255),
    account_id varchar(255)
  )`
  yield* sql`CREATE TABLE csb_requests_audit (
    audit_id bigserial PRIMARY KEY,
    correlation_id uuid REFERENCES csb_requests,
    status status_enum,
    audit_timestamp timestamptz DEFAULT now(),
    audit_log text
  )`
  yield* sql`CREATE TABLE csb_requests_ref (
    ref_serial_id bigserial PRIMARY KEY,
    cloud_provider varchar(50),
    correlation_id uuid REFERENCES csb_requests,
    ref_id varchar(255),
    ref_upd_time_stamp timestamptz DEFAULT now()
  )`
  yield* sql`ALTER TABLE csb_requests ENABLE ROW LEVEL SECURITY`
  yield* sql`CREATE POLICY aws_only ON csb_requests TO csb_aws_user USING (cloud_provider = 'aws')`
  yield* sql`CREATE POLICY api ON csb_requests TO csb_api_user USING (true)`
  yield* sql`GRANT SELECT, UPDATE ON csb_requests TO csb_aws_user`
  yield* sql`GRANT SELECT, INSERT ON csb_requests_audit, csb_requests_ref TO csb_aws_user`
  yield* sql`GRANT SELECT, INSERT ON csb_requests, csb_requests_audit TO csb_api_user`
  yield* sql`GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO csb_aws_user, csb_api_user`
})
