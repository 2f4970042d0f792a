import { Effect, Schema } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
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

/** Requests that a lost worker held. */
const held = 64

/** How PostgreSQL goes about a statement. */
export interface Explained {
  readonly name: string
  readonly millis: number
  readonly text: string
}

/**
 * What the statements of a sweep take, as the worker's role, and how PostgreSQL goes about them: of one that finds nothing to do, as
 * nearly every one does, and of one that finds a lost worker. Nothing is changed.
 */
export const explainSweep = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const statements = sweepStatementsFor(yield* Effect.orDie(readDialect))
  const [row] = yield* sql<{ readonly before: string; readonly id: string }>`
    SELECT correlation_id AS id, req_time_stamp::text AS before FROM csb_requests
    WHERE correlation_id = ${yield* oldestQueued}`
  if (row === undefined) return yield* new BenchFailure({ message: `no row for the oldest job of ${fullName}` })
  const usual: ReadonlyArray<readonly [string, string, ReadonlyArray<unknown>]> = [
    ["oldestOf", statements.oldestOf, [[row.id]]],
    ["recover", statements.recover, [lease, losses]],
    ["rebuildOrphans", statements.rebuildOrphans ?? "", [row.before]],
    ["countOrphans", statements.countOrphans, [row.before]]
  ]
  return {
    usual: yield* Effect.forEach(usual, ([name, statement, values]) => explain(name, statement, values)),
    lost: yield* undone(
      Effect.andThen(loseWorker, explainOnce(statements.recover, [lease, losses])).pipe(
        Effect.map((text) => ({ name: `recover, of ${held} requests`, millis: millisOf(text), text }))
      )
    )
  }
})

/** Tables that a plan reads whole: it may also have such a step and never come to it. */
export const tablesRead = ({ text }: Explained): number => text.match(/Seq Scan on csb_.*\(actual time/g)?.length ?? 0

/** As Markdown, folded: most readers want the time alone. */
export const planText = ({ millis, name, text }: Explained): string =>
  `<details><summary><code>${name}</code>, ${millis.toFixed(2)} ms</summary>\n\n\`\`\`\n${text}\n\`\`\`\n\n</details>`

const oldestQueued = Effect.map(
  onRedis((redis) => redis.lindex(fullQueue, -1)),
  (payload) => /"correlation_id":"([^"]*)"/.exec(payload ?? "")?.[1] ?? ""
)

const explain = Effect.fnUntraced(function* (name: string, statement: string, values: ReadonlyArray<unknown>) {
  yield* explainOnce(statement, values)
  const texts = yield* Effect.replicateEffect(explainOnce(statement, values), runs)
  return { name, millis: spreadOf(texts.map(millisOf)).median, text: texts.at(-1) ?? "" } satisfies Explained
})

const explainOnce = Effect.fnUntraced(function* (statement: string, values: ReadonlyArray<unknown>) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql.unsafe<{ readonly "QUERY PLAN": string }>(`EXPLAIN (ANALYZE, COSTS OFF) ${statement}`, values)
  return rows.map((row) => row["QUERY PLAN"]).join("\n")
})

const millisOf = (plan: string): number =>
  Array.from(plan.matchAll(/(?:Planning|Execution) Time: ([\d.]+) ms/g), ([, millis]) => Number(millis)).reduce(
    (sum, millis) => sum + millis,
    0
  )

const loseWorker = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    UPDATE csb_requests SET status = 'IN_PROGRESS', last_upd_time_stamp = now() - interval '1 hour'
    WHERE correlation_id IN (SELECT correlation_id FROM csb_requests WHERE status = 'PENDING' LIMIT ${held}::int)`
})

/** Rolls a transaction back. */
class Undone extends Schema.TaggedError<Undone>()("Undone", {}) {}

const undone = Effect.fnUntraced(function* <A, R>(run: Effect.Effect<A, SqlError.SqlError, R>) {
  const sql = yield* SqlClient.SqlClient
  let result: A | undefined
  yield* run.pipe(
    Effect.flatMap((it) => {
      result = it
      return Effect.fail(new Undone())
    }),
    sql.withTransaction,
    Effect.catchTag("Undone", () => Effect.void)
  )
  if (result === undefined) return yield* new BenchFailure({ message: "there is no plan" })
  return result
})
