import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { HiddenRows, Visibility } from "../../services/DatabaseProbe.ts"

interface Found {
  readonly active: boolean
  readonly estimated: number
}

/** A table with requests of other clouds alone would be read whole: then the answer is not known, and there is no reason to warn. */
const seesAny = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  return yield* sql`SET LOCAL statement_timeout = '2s'`.pipe(
    Effect.andThen(sql`SELECT FROM csb_requests WHERE cloud_provider = 'aws' LIMIT 1`),
    sql.withTransaction,
    Effect.map((rows) => rows.length > 0),
    Effect.catchReason("SqlError", "StatementTimeoutError", () => Effect.succeed(true))
  )
})

/**
 * What row-level security leaves the role (https://www.postgresql.org/docs/current/ddl-rowsecurity.html). Rows that are hidden cannot be
 * counted; but without a policy for the role none is seen, and where policies contradict what the worker asks for, the planner
 * notices, and its plan reads nothing.
 */
export const visibility = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const withoutPolicy = yield* sql<HiddenRows>`
    SELECT asked.table, asked.command
    FROM (VALUES (1, 'csb_requests', 'SELECT', 'r'), (2, 'csb_requests', 'UPDATE', 'w'), (3, 'csb_requests_audit', 'SELECT', 'r'),
      (4, 'csb_requests_audit', 'INSERT', 'a'), (5, 'csb_requests_ref', 'INSERT', 'a')) AS asked(position, "table", command, code)
    WHERE row_security_active(to_regclass(asked.table)) AND NOT EXISTS (
      SELECT FROM pg_policy p
      WHERE p.polrelid = to_regclass(asked.table) AND p.polpermissive AND p.polcmd::text IN ('*', asked.code)
        AND EXISTS (SELECT FROM unnest(p.polroles) AS role WHERE role = 0 OR pg_has_role(role, 'USAGE'))
    )
    ORDER BY position`
  const contradicted = yield* Effect.filter(
    [
      {
        hidden: { table: "csb_requests", command: "SELECT" } as const,
        statement: "SELECT FROM csb_requests WHERE cloud_provider = 'aws'"
      },
      {
        hidden: { table: "csb_requests", command: "UPDATE" } as const,
        statement: "UPDATE csb_requests SET last_upd_time_stamp = last_upd_time_stamp WHERE cloud_provider = 'aws'"
      }
    ],
    ({ statement }) =>
      Effect.map(sql.unsafe<{ readonly "QUERY PLAN": string }>(`EXPLAIN (COSTS OFF) ${statement}`), (plan) =>
        plan.some((line) => line["QUERY PLAN"].includes("One-Time Filter: false"))
      )
  )
  const [found] = yield* sql<Found>`
    SELECT row_security_active(to_regclass('csb_requests')) AS active,
      pg_stat_get_live_tuples(to_regclass('csb_requests'))::float8 AS estimated`
  const surely = contradicted
    .map(({ hidden }) => hidden)
    .filter(({ command, table }) => !withoutPolicy.some((it) => it.table === table && it.command === command))
  return {
    active: found?.active ?? false,
    hidden: [...withoutPolicy, ...surely],
    estimated: found?.estimated ?? 0,
    seesAny: yield* seesAny
  } satisfies Visibility
})
