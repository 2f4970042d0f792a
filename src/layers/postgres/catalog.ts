import { Array, Effect, Schema } from "effect"
import { SqlClient, SqlSchema } from "effect/sql"
import type { Status } from "../../domain/Request.ts"
import { SchemaUnsupported } from "../../domain/StartupError.ts"

/** Columns that our schema has and the legacy one has not (contract §4). */
export const optionalColumns = ["principal_type", "entitlement_type", "duration_minutes"] as const
export type OptionalColumn = (typeof optionalColumns)[number]

/** What the database calls things. */
export interface Dialect {
  readonly labels: Readonly<Record<Status, string>>
  readonly optional: ReadonlyArray<OptionalColumn>
}

const needed = {
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

const Column = Schema.Struct({
  table: Schema.String,
  column: Schema.String,
  /** pg_type.typcategory: `E` an enum, `S` a string. https://www.postgresql.org/docs/current/catalog-pg-type.html */
  category: Schema.String,
  labels: Schema.Array(Schema.String)
})
type Column = typeof Column.Type

/**
 * Reads from the catalog what the tables on the role's `search_path` look like. */
export const readDialect = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const columns = yield* SqlSchema.findAll({
    Request: Schema.Void,
    Result: Column,
    execute: () => sql`
      SELECT named.name AS "table", a.attname::text AS "column", t.typcategory::text AS category,
        ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = a.atttypid ORDER BY e.enumsortorder) AS labels
      FROM unnest(${Object.keys(needed)}::text[]) AS named(name)
      JOIN pg_attribute a ON a.attrelid = to_regclass(named.name) AND a.attnum > 0 AND NOT a.attisdropped
      JOIN pg_type t ON t.oid = a.atttypid`
  })()
  const has = (table: Table, column: string) => columns.some((it) => it.table === table && it.column === column)

  const missing = [
    ...tables.flatMap((table) =>
      columns.some((it) => it.table === table)
        ? needed[table].filter((column) => !has(table, column)).map((column) => `column ${table}.${column}`)
        : [`table ${table}`]
    ),
    ...columns.filter((it) => it.column === "status").flatMap(missingLabels)
  ]
  if (Array.isArrayNonEmpty(missing)) return yield* new SchemaUnsupported({ missing })

  const status = columns.find((it) => it.table === "csb_requests" && it.column === "status")
  const label = (it: Status) => candidates[it].find((candidate) => status?.labels.includes(candidate)) ?? it
  const dialect: Dialect = {
    labels: {
      PENDING: label("PENDING"),
      IN_PROGRESS: label("IN_PROGRESS"),
      SUCCESS: label("SUCCESS"),
      FAILED: label("FAILED")
    },
    optional: optionalColumns.filter((column) => has("csb_requests", column))
  }
  return dialect
})

const tables = ["csb_requests", "csb_requests_audit", "csb_requests_ref"] as const
const statuses = ["PENDING", "IN_PROGRESS", "SUCCESS", "FAILED"] as const

const missingLabels = ({ category, labels, table }: Column) =>
  category === "S"
    ? []
    : category === "E"
      ? statuses
          .map((it) => candidates[it])
          .filter((pair) => !pair.some((label) => labels.includes(label)))
          .map((pair) => `label ${pair.join(" or ")} of ${table}.status`)
      : [`${table}.status as an enum or a text`]
