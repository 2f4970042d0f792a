import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { Dialect } from "./catalog.ts"

const wanted = ({ labels }: Dialect) => [
  { on: "csb_requests", purpose: "older requests on a key", form: /\(account_id, principal, entitlement\b/ },
  { on: "csb_requests", purpose: `requests long ${labels.PENDING}`, form: touchedWhere(labels.PENDING) },
  { on: "csb_requests", purpose: `requests long ${labels.IN_PROGRESS}`, form: touchedWhere(labels.IN_PROGRESS) },
  { on: "csb_requests_audit", purpose: "a request's audit trail", form: /\(correlation_id\b/ }
]

const touchedWhere = (label: string) => new RegExp(`CASE\\b.*\\blast_upd_time_stamp\\b.*\\bWHERE\\b.*'${label}'`, "s")

/** Frequent searches that would read a whole table without the indexes of our migrations, whatever those are called here. */
export const missingIndexes = Effect.fnUntraced(function* (dialect: Dialect) {
  const sql = yield* SqlClient.SqlClient
  const indexes = yield* sql<{ readonly on: string; readonly definition: string }>`
    SELECT asked.name AS on, pg_get_indexdef(i.indexrelid) AS definition
    FROM unnest(ARRAY['csb_requests', 'csb_requests_audit']) AS asked(name)
    JOIN pg_index i ON i.indrelid = to_regclass(asked.name) AND i.indisvalid`
  return wanted(dialect)
    .filter(({ form, on }) => !indexes.some((index) => index.on === on && form.test(index.definition)))
    .map(({ on, purpose }) => `${purpose} (${on})`)
})
