import { Effect, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { BenchFailure } from "./BenchFailure.ts"
import type { Counts } from "./counters.ts"
import { type Batch, queue } from "./jobs.ts"
import { onRedis } from "./redis.ts"

/** Exact delivery: fails unless every job of the batch was done once, recorded once, and nothing of it is left. */
export const verify = Effect.fnUntraced(function* ({ jobs, name }: Batch, calls: Counts) {
  const sql = yield* SqlClient.SqlClient
  const [rows] = yield* sql<Counts>`
    WITH batch AS (SELECT correlation_id, status FROM csb_app.csb_requests WHERE client_req_id = ${name})
    SELECT (SELECT count(*) FROM batch)::int AS "rows",
      (SELECT count(*) FROM batch WHERE status = 'SUCCESS')::int AS "rows with SUCCESS", ${audited("IN_PROGRESS")},
      ${audited("SUCCESS")},
      (SELECT count(*) FROM csb_app.csb_requests_audit JOIN batch USING (correlation_id))::float8 / 2 AS "pairs of audit rows",
      (SELECT count(*) FROM csb_app.csb_requests_ref JOIN batch USING (correlation_id))::int AS "references",
      (SELECT count(DISTINCT (correlation_id, ref_id)) FROM csb_app.csb_requests_ref JOIN batch USING (correlation_id))::int
        AS "different references"`
  const counts: Counts = { ...rows, "AttachUserPolicy calls": calls["AttachUserPolicy ok"] ?? 0 }
  const wrong = Object.entries(counts)
    .filter(([, count]) => count !== jobs)
    .map(([what, count]) => `${count} ${what}`)
  const other = Object.keys(calls).filter((call) => call !== "AttachUserPolicy ok" && call !== "AssumeRole ok")
  const left = yield* Effect.repeat(leftInRedis, {
    until: (keys) => keys.length === 0,
    schedule: Schedule.spaced("50 millis").pipe(Schedule.upTo({ times: 40 }))
  })
  const faults = [...wrong, ...other.map((call) => `AWS call ${call}`), ...left.map((key) => `${key} is not empty`)]
  if (faults.length > 0) {
    return yield* new BenchFailure({ message: `${name}: delivery is not exact for ${jobs} jobs: ${faults.join(", ")}` })
  }

  function audited(status: string) {
    return sql`(SELECT count(DISTINCT correlation_id) FROM csb_app.csb_requests_audit a JOIN batch USING (correlation_id)
      WHERE a.status::text = ${status})::int AS ${sql(`requests with an audit row ${status}`)}`
  }
})

/** Lists that should be empty by now. The last payload is removed some milliseconds after its row is settled. */
const leftInRedis = onRedis(async (redis) => {
  const keys = await redis.keys(`{${queue}}:*`)
  const held = keys.filter((key) => !key.endsWith(":workers"))
  const lists = await Promise.all(
    [queue, `${queue}_error`].map(async (key) => ((await redis.llen(key)) > 0 ? [key] : []))
  )
  return [...lists.flat(), ...held]
})
