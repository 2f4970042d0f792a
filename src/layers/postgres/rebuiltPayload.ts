import type { Dialect } from "./catalog.ts"

/**
 * The job of a request, as an SQL expression over its row. A request with a due time counts as received then. `parent_id` tells those who
 * see only the payload that it ends access.
 */
export const payloadOf = ({ ends, optional }: Dialect): string => {
  const received = ends ? "CASE WHEN not_before IS NULL THEN req_time_stamp ELSE not_before END" : "req_time_stamp"
  return `json_strip_nulls(json_build_object(
    'correlation_id', correlation_id, 'client_request_id', client_req_id, 'target_cloud', 'aws',
    'account_id', account_id, 'principal', principal, 'principal_type', principal_type, 'action', action,
    'entitlement', entitlement, 'entitlement_type', entitlement_type,
    'duration_minutes', ${optional.includes("duration_minutes") ? "duration_minutes" : "NULL"},
    'parent_id', ${ends ? "parent_id" : "NULL"},
    'received_at', to_char(${received} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
  ))::text`
}
