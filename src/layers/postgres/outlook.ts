import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { Job } from "../../domain/Job.ts"
import type { Outlook } from "../../services/DatabaseProbe.ts"
import type { Dialect } from "./catalog.ts"
import { conditionsOn } from "./conditions.ts"
import { timestamp } from "./timestamp.ts"

/** The columns that a grant needs to get its end; the rights to write it come on top. */
const endsNeed = ["duration_minutes", "not_before", "attached_before"]

/**
 * What a request that is not written yet would meet in the database: how many unfinished ones on its key a claim would count before it,
 * and whether the columns have room for what it says.
 */
export const outlookOf = Effect.fnUntraced(function* (dialect: Dialect, job: Job, orphansBefore: number) {
  const sql = yield* SqlClient.SqlClient
  const { labels } = dialect
  const { due, rebuildable, touched } = conditionsOn("other", dialect)
  const [counted] = yield* sql.unsafe<{ readonly ahead: number }>(
    `SELECT count(*)::int AS ahead FROM csb_requests AS other
    WHERE (account_id, principal, entitlement) = ($1, $2, $3) AND cloud_provider = 'aws' AND ${due}
      AND (status = '${labels.IN_PROGRESS}' OR status = '${labels.PENDING}' AND (${rebuildable} OR ${touched} >= $4::timestamptz))`,
    [job.account_id, job.principal, job.entitlement, timestamp(orphansBefore)]
  )
  // A varchar's length is its modifier less four; -1 stands for none. https://www.postgresql.org/docs/current/catalog-pg-attribute.html
  const columns = yield* sql<{ readonly name: string; readonly length: number | null }>`
    SELECT attname::text AS name, CASE WHEN atttypid = 'varchar'::regtype AND atttypmod > 4 THEN atttypmod - 4 END AS length
    FROM pg_attribute WHERE attrelid = to_regclass('csb_requests') AND attnum > 0 AND NOT attisdropped`
  const values = new Map(
    Object.entries({
      client_req_id: job.client_request_id ?? "",
      principal: job.principal,
      entitlement: job.entitlement,
      account_id: job.account_id
    })
  )
  const names = new Set(columns.map(({ name }) => name))
  return {
    ahead: counted?.ahead ?? 0,
    tooLong: columns.flatMap(({ length, name }) =>
      length !== null && Array.from(values.get(name) ?? "").length > length ? [name] : []
    ),
    ends: dialect.ends ? "yes" : endsNeed.every((name) => names.has(name)) ? "unknown" : "no"
  } satisfies Outlook
})
