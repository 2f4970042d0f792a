import type { Dialect } from "./catalog.ts"

/** Holds for no row. */
export const never = "false"

/** Conditions on a row of `csb_requests` that several statements share. `row`: their name for it. */
export const conditionsOn = (row: string, { notBefore, optional }: Dialect) => ({
  /**
   * When it was last touched, as the indexes have it. Both columns may be null in the legacy schema. Not `coalesce`, which is not
   * leakproof: behind row-level security no index would serve it. https://www.postgresql.org/docs/current/ddl-rowsecurity.html
   */
  touched: `(CASE WHEN ${row}.last_upd_time_stamp IS NOT NULL THEN ${row}.last_upd_time_stamp
    WHEN ${row}.req_time_stamp IS NOT NULL THEN ${row}.req_time_stamp ELSE '-infinity' END)`,
  /** A request that must not be carried out yet is seen by nobody. */
  due: notBefore ? `(${row}.not_before IS NULL OR ${row}.not_before <= now())` : "true",
  /** It says enough for a payload of its own. */
  rebuildable: ["principal_type" as const, "entitlement_type" as const].every((column) => optional.includes(column))
    ? `(${row}.principal_type IS NOT NULL AND ${row}.entitlement_type IS NOT NULL)`
    : never
})
