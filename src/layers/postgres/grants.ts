import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { MissingGrant } from "../../services/DatabaseProbe.ts"
import { type Dialect, endColumns, needed } from "./catalog.ts"

interface Needed {
  readonly table: keyof typeof needed
  readonly privilege: "SELECT" | "INSERT" | "UPDATE"
  readonly columns: ReadonlyArray<string>
}

/**
 * What the worker's role has to be granted: enough for every statement, which a test shows, and no more. Where the columns for it exist, that
 * includes the rights to end access: without them `ends` of the dialect is false, and each request with a duration fails.
 */
const neededGrants = ({ notBefore, optional, tellsHistory: ends }: Dialect): ReadonlyArray<Needed> => [
  {
    table: "csb_requests",
    privilege: "SELECT",
    columns: [
      ...needed.csb_requests,
      ...optional,
      ...(notBefore ? ["not_before"] : []),
      ...(ends ? ["parent_id", "attached_before"] : [])
    ]
  },
  {
    table: "csb_requests",
    privilege: "UPDATE",
    columns: ["status", "last_upd_time_stamp", ...optional, ...(ends ? ["not_before", "attached_before"] : [])]
  },
  ...(ends ? [{ table: "csb_requests", privilege: "INSERT", columns: endColumns } as const] : []),
  { table: "csb_requests_audit", privilege: "SELECT", columns: needed.csb_requests_audit },
  { table: "csb_requests_audit", privilege: "INSERT", columns: ["correlation_id", "status", "audit_log"] },
  { table: "csb_requests_ref", privilege: "SELECT", columns: needed.csb_requests_ref },
  { table: "csb_requests_ref", privilege: "INSERT", columns: ["cloud_provider", "correlation_id", "ref_id"] }
]

interface LackingColumns {
  readonly privilege: string
  readonly on: string
  readonly columns: ReadonlyArray<string>
  /** How many columns were asked about. */
  readonly asked: number
}

/** Which of these rights the current role lacks. https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-ACCESS */
export const missingGrants = Effect.fnUntraced(function* (dialect: Dialect) {
  const sql = yield* SqlClient.SqlClient
  const asked = neededGrants(dialect).flatMap(({ columns, privilege, table }) =>
    columns.map((column) => ({ table, privilege, column }))
  )
  const lacking = yield* sql<LackingColumns>`
    SELECT asked.privilege, format('%I.%I', n.nspname, c.relname) AS on, count(*)::int AS asked,
      array_agg(quote_ident(asked.column) ORDER BY asked.position)
        FILTER (WHERE NOT has_column_privilege(c.oid, asked.column, asked.privilege)) AS columns
    FROM unnest(${asked.map(({ table }) => table)}::text[], ${asked.map(({ privilege }) => privilege)}::text[],
      ${asked.map(({ column }) => column)}::text[]) WITH ORDINALITY AS asked("table", privilege, "column", position)
    JOIN pg_class c ON c.oid = to_regclass(asked.table)
    JOIN pg_namespace n ON n.oid = c.relnamespace
    GROUP BY n.nspname, c.relname, asked.privilege
    HAVING NOT bool_and(has_column_privilege(c.oid, asked.column, asked.privilege))
    ORDER BY min(asked.position)`
  // A serial's nextval needs a right of its own; an identity's does not.
  const sequences = yield* sql<{ readonly on: string }>`
    SELECT serial.sequence AS on
    FROM pg_attribute a
    CROSS JOIN LATERAL (SELECT pg_get_serial_sequence(a.attrelid::regclass::text, a.attname)) AS serial(sequence)
    WHERE a.attrelid IN (to_regclass('csb_requests_audit'), to_regclass('csb_requests_ref'))
      AND a.attnum > 0 AND NOT a.attisdropped AND a.attidentity = '' AND serial.sequence IS NOT NULL
      AND NOT has_sequence_privilege(serial.sequence, 'USAGE, UPDATE')`
  return [
    ...lacking.map(({ asked: all, columns, on, privilege }): MissingGrant => ({
      privilege,
      on,
      columns: columns.length === all && privilege !== "UPDATE" ? [] : columns
    })),
    ...sequences.map(({ on }): MissingGrant => ({ privilege: "USAGE", on: `SEQUENCE ${on}`, columns: [] }))
  ]
})
