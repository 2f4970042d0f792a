import { Effect, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { BenchFailure } from "./BenchFailure.ts"
import type { Batch, JobPlace } from "./Contestant.ts"
import type { Counts } from "./counters.ts"

/** Exact delivery: fails unless every job of the batch was done once, recorded once, and nothing of it is left. */
export const verify = Effect.fnUntraced(function* (batch: Batch, calls: Counts, place: JobPlace) {
  const wrong = yield* wrongRows(batch)
  const made = calls["AttachUserPolicy ok"] ?? 0
  const other = Object.keys(calls).filter((call) => call !== "AttachUserPolicy ok" && call !== "AssumeRole ok")
  // The last payload is removed some milliseconds after its row is settled.
  const left = yield* Effect.repeat(place.left, {
    until: (kept) => kept.length === 0,
    schedule: Schedule.spaced("50 millis").pipe(Schedule.upTo({ times: 40 }))
  })
  yield* failIfAny(batch, [
    ...wrong,
    ...(made === batch.jobs ? [] : [`${made} AttachUserPolicy calls`]),
    ...other.map((call) => `AWS call ${call}`),
    ...left.map((it) => `${it} is not empty`)
  ])
})

/** The part of it that the database knows: each job of the batch is recorded as it should be, once. */
export const verifyRows = Effect.fnUntraced(function* (batch: Batch) {
  yield* failIfAny(batch, yield* wrongRows(batch))
})

const failIfAny = ({ jobs, name }: Batch, faults: ReadonlyArray<string>) =>
  faults.length === 0
    ? Effect.void
    : Effect.fail(
        new BenchFailure({ message: `${name}: delivery is not exact for ${jobs} jobs: ${faults.join(", ")}` })
      )

const wrongRows = Effect.fnUntraced(function* ({ jobs, name }: Batch) {
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
  return Object.entries({ ...rows })
    .filter(([, count]) => count !== jobs)
    .map(([what, count]) => `${count} ${what}`)

  function audited(status: string) {
    return sql`(SELECT count(DISTINCT correlation_id) FROM csb_app.csb_requests_audit a JOIN batch USING (correlation_id)
      WHERE a.status::text = ${status})::int AS ${sql(`requests with an audit row ${status}`)}`
  }
})
