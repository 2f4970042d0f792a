import { Array, Effect, Schema } from "effect"
import { SqlClient, SqlSchema } from "effect/sql"
import type { Status } from "../../domain/Request.ts"
import { SchemaUnsupported } from "../../domain/StartupError.ts"

/** Columns that our schema has and the legacy one does not. */
export const optionalColumns = ["principal_type", "entitlement_type", "duration_minutes"] as const
export type OptionalColumn = (typeof optionalColumns)[number]

/** What the database calls things. */
export interface Dialect {
  readonly labels: Readonly<Record<Status, string>>
  readonly optional: ReadonlyArray<OptionalColumn>
  /** Whether a request may name a time before which it must not be carried out. */
  readonly notBefore: boolean
  /** Whether access can end by itself: the columns are there, and this role may write ends. */
  readonly ends: boolean
  /** Whether audit rows are chained by hashes. */
  readonly chained: boolean
  /** Whether rows say all that the history of an attachment needs, whatever this role may read. */
  readonly tellsHistory: boolean
}

/** Columns without which the worker cannot work. */
export const needed = {
  csb_requests: [
    "correlation_id",
    "client_req_id",
    "status",
    "req_time_stamp",
    "last_upd_time_stamp",
    "cloud_provider",
    "principal",
    "action",
    "entitlement",
    "account_id"
  ],
  csb_requests_audit: ["audit_id", "correlation_id", "status", "audit_timestamp", "audit_log"],
  csb_requests_ref: ["cloud_provider", "correlation_id", "ref_id"]
} as const
type Table = keyof typeof needed

/** The labels that a status may have; the first that exists is taken. A status column of text has ours. */
const candidates: Readonly<Record<Status, readonly [string, string]>> = {
  PENDING: ["PENDING", "queued"],
  IN_PROGRESS: ["IN_PROGRESS", "in_progress"],
  SUCCESS: ["SUCCESS", "success"],
  FAILED: ["FAILED", "failed"]
}

/** The columns into which the end of a grant is written. */
export const endColumns = [
  "correlation_id",
  "client_req_id",
  "status",
  "cloud_provider",
  "principal",
  "action",
  "entitlement",
  "account_id",
  "principal_type",
  "entitlement_type",
  "not_before",
  "parent_id"
] as const

const Column = Schema.Struct({
  table: Schema.String,
  column: Schema.String,
  /** pg_type.typcategory: `E` an enum, `S` a string. https://www.postgresql.org/docs/current/catalog-pg-type.html */
  category: Schema.String,
  labels: Schema.Array(Schema.String),
  insertable: Schema.Boolean,
  updatable: Schema.Boolean
})
type Column = typeof Column.Type

export const tables = ["csb_requests", "csb_requests_audit", "csb_requests_ref"] as const

/** Reads from the catalog what the tables on the role's `search_path` look like. */
export const readDialect = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const columns = yield* SqlSchema.findAll({
    Request: Schema.Void,
    Result: Column,
    execute: () => sql`
      SELECT named.name AS "table", a.attname::text AS "column", t.typcategory::text AS category,
        ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = a.atttypid ORDER BY e.enumsortorder) AS labels,
        has_column_privilege(a.attrelid, a.attnum, 'INSERT') AS insertable,
        has_column_privilege(a.attrelid, a.attnum, 'UPDATE') AS updatable
      FROM unnest(${tables}::text[]) AS named(name)
      JOIN pg_attribute a ON a.attrelid = to_regclass(named.name) AND a.attnum > 0 AND NOT a.attisdropped
      JOIN pg_type t ON t.oid = a.atttypid`
  })()
  const has = (table: Table, column: string) => columns.some((it) => it.table === table && it.column === column)
  const statusColumns = columns.filter((it) => it.column === "status")
  const labelOf = (status: Status) =>
    candidates[status].find((label) => statusColumns.every((column) => allows(column, label)))

  const { FAILED, IN_PROGRESS, PENDING, SUCCESS } = {
    PENDING: labelOf("PENDING"),
    IN_PROGRESS: labelOf("IN_PROGRESS"),
    SUCCESS: labelOf("SUCCESS"),
    FAILED: labelOf("FAILED")
  }
  const missing = [
    ...tables.flatMap((table) =>
      columns.some((it) => it.table === table)
        ? needed[table].filter((column) => !has(table, column)).map((column) => `column ${table}.${column}`)
        : [`table ${table}`]
    ),
    ...statusColumns.flatMap(missingLabels)
  ]
  if (Array.isArrayNonEmpty(missing)) return yield* new SchemaUnsupported({ missing })
  if (PENDING === undefined || IN_PROGRESS === undefined || SUCCESS === undefined || FAILED === undefined) {
    return yield* new SchemaUnsupported({ missing: ["labels that both csb_requests and csb_requests_audit know"] })
  }
  const may = (right: "insertable" | "updatable", ...names: ReadonlyArray<string>) =>
    names.every((name) => columns.some((it) => it.table === "csb_requests" && it.column === name && it[right]))
  const dialect: Dialect = {
    labels: { PENDING, IN_PROGRESS, SUCCESS, FAILED },
    optional: optionalColumns.filter((column) => has("csb_requests", column)),
    notBefore: has("csb_requests", "not_before"),
    ends:
      has("csb_requests", "duration_minutes") &&
      may("insertable", ...endColumns) &&
      may("updatable", "not_before", "attached_before"),
    chained: has("csb_requests_audit", "hash"),
    tellsHistory: [...optionalColumns, "not_before", "parent_id", "attached_before"].every((column) =>
      has("csb_requests", column)
    )
  }
  return dialect
})

/** A text column takes any label; it is only used with ours. */
const allows = ({ category, labels }: Column, label: string) =>
  category === "S" ? label === label.toUpperCase() : labels.includes(label)

const missingLabels = ({ category, labels, table }: Column) => {
  if (category === "S") return []
  if (category !== "E") return [`${table}.status as an enum or a text`]
  return Object.values(candidates)
    .filter((pair) => !pair.some((label) => labels.includes(label)))
    .map((pair) => `label ${pair.join(" or ")} of ${table}.status`)
}
