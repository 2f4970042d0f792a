import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { readDialect } from "../src/layers/postgres/catalog.ts"
import { sweepStatementsFor } from "../src/layers/postgres/sweepStatements.ts"
import { BenchFailure } from "./BenchFailure.ts"
import { spreadOf } from "./measure.ts"
import { fullName, fullQueue } from "./million.ts"
import { onRedis } from "./redis.ts"

/** The first run finds nothing in the cache. Of the others the median counts. */
const runs = 5

/** The defaults of `JOB_LEASE` and of how many lost workers are too many. */
const lease = 60_000
const losses = 3

/**
 * What the statements of a sweep take, as the worker's role, and how PostgreSQL goes about them. A sweep finds nothing to do here,
 * which is what nearly every one finds, so nothing is changed.
 */
export const explainSweep = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const statements = sweepStatementsFor(yield* Effect.orDie(readDialect))
  const [row] = yield* sql<{ readonly before: string; readonly id: string }>`
    SELECT correlation_id AS id, req_time_stamp::text AS before FROM csb_requests
    WHERE correlation_id = ${yield* oldestQueued}`
  if (row === undefined) return yield* new BenchFailure({ message: `no row for the oldest job of ${fullName}` })
  const swept: ReadonlyArray<readonly [string, string, ReadonlyArray<unknown>]> = [
    ["oldestOf", statements.oldestOf, [[row.id]]],
    ["recover", statements.recover, [lease, losses]],
    ["rebuildOrphans", statements.rebuildOrphans ?? "", [row.before]],
    ["countOrphans", statements.countOrphans, [row.before]]
  ]
  const plans = yield* Effect.forEach(swept, ([name, statement, values]) => explain(name, statement, values))
  return {
    millis: plans.reduce((sum, { millis }) => sum + millis, 0),
    tablesRead: plans.reduce((sum, { text }) => sum + (text.match(/Seq Scan on csb_/g)?.length ?? 0), 0),
    details: plans
      .map(({ millis, name, text }) => `\`${name}\`, ${millis.toFixed(2)} ms:\n\n\`\`\`\n${text}\n\`\`\``)
      .join("\n\n")
  }
})

const oldestQueued = Effect.map(
  onRedis((redis) => redis.lindex(fullQueue, -1)),
  (payload) => /"correlation_id":"([^"]*)"/.exec(payload ?? "")?.[1] ?? ""
)

const explain = Effect.fnUntraced(function* (name: string, statement: string, values: ReadonlyArray<unknown>) {
  const sql = yield* SqlClient.SqlClient
  const once = Effect.map(
    sql.unsafe<{ readonly "QUERY PLAN": string }>(`EXPLAIN (ANALYZE, COSTS OFF) ${statement}`, values),
    (rows) => rows.map((row) => row["QUERY PLAN"]).join("\n")
  )
  yield* once
  const texts = yield* Effect.replicateEffect(once, runs)
  const millis = spreadOf(texts.map((text) => timeIn("Planning", text) + timeIn("Execution", text))).median
  return { name, millis, text: texts.at(-1) ?? "" }
})

const timeIn = (phase: string, text: string): number =>
  Number(new RegExp(`${phase} Time: ([\\d.]+) ms`).exec(text)?.[1] ?? Number.NaN)
