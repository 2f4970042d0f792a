import { Console, Effect } from "effect"
import { SqlClient } from "effect/sql"
import { alternate, ratiosOf } from "../alternate.ts"
import { BenchFailure } from "../BenchFailure.ts"
import { worker as contestant } from "../contestants/worker.ts"
import { awsCalls, increase } from "../counters.ts"
import { atMost, below, ofOnce, ofRounds } from "../Figure.ts"
import { awaitSettled, writeRows } from "../jobs.ts"
import { spreadOf } from "../measure.ts"
import { fill, fullDatabase, fullName, fullQueue } from "../million.ts"
import { type Plan, warmUpJobs } from "../plan.ts"
import type { Section } from "../Section.ts"
import { connectTo } from "../servers.ts"
import { type Cost, steadyCost } from "../steadyCost.ts"
import { type Explained, explainSweep, planText, tablesRead } from "../sweepPlans.ts"
import { startWorker } from "../worker.ts"

const empty = "empty system"
const full = "full system"

/** A system in long use: many rows and a long queue. */
export const million: Section = {
  name: "million",
  title: "A million jobs queued, a million rows settled",
  measure: Effect.fnUntraced(function* (plan) {
    yield* Console.log(`  filling a database and a queue with ${plan.million} each`)
    yield* fill(plan.million, plan.accounts)
    const sweep = yield* explainSweep.pipe(Effect.provide(connectTo(fullDatabase, "csb_aws_user")))
    const callsBefore = yield* awsCalls
    // After a checkpoint, such as the filling brought on, PostgreSQL writes each page whole when it is changed first.
    yield* costWhenFull({ ...plan, jobs: settlingRounds * plan.jobs })
    const rounds = yield* alternate(
      plan.longRounds,
      [[empty, (round: number) => costWhenEmpty(plan, round)] as const, [full, () => costWhenFull(plan)] as const],
      ({ cpu, jobs, time }) => `${time.toFixed(2)} ms/job ${cpu.toFixed(2)} ms CPU (${jobs} jobs)`
    )
    const made = increase(callsBefore, yield* awsCalls)["AttachUserPolicy ok"] ?? 0
    const fromEmpty = rounds.of(empty).reduce((sum, { jobs }) => sum + jobs, 0)
    yield* verifyFull(made - fromEmpty)
    const both = (name: string, of: (cost: Cost) => number) => [
      ofRounds(`${name}, ${empty}`, spreadOf(rounds.of(empty).map(of)), { digits: 2, unit: " ms" }),
      ofRounds(`${name}, ${full}`, spreadOf(rounds.of(full).map(of)), { digits: 2, unit: " ms" }),
      ofRounds(`${name}, full / empty`, ratiosOf(rounds.of(full), rounds.of(empty), of), {
        digits: 2,
        bar: atMost(1.1)
      })
    ]
    return {
      figures: [
        ...both("CPU per job", ({ cpu }) => cpu),
        ...both("time per job", ({ time }) => time),
        ...figuresOf("a sweep", sweep.usual),
        ...figuresOf("recovering what a lost worker held", [sweep.lost])
      ],
      details: [...sweep.usual, sweep.lost].map(planText).join("\n\n")
    }
  }, Effect.scoped)
}

const figuresOf = (what: string, plans: ReadonlyArray<Explained>) => {
  const sum = (of: (plan: Explained) => number) => plans.reduce((total, plan) => total + of(plan), 0)
  return [
    ofOnce(
      `SQL of ${what}`,
      sum(({ millis }) => millis),
      { digits: 1, unit: " ms", bar: below(50, " ms") }
    ),
    ofOnce(`tables read whole by ${what}`, sum(tablesRead), { digits: 0, bar: atMost(0) })
  ]
}

/** Rounds' jobs that the full system does before it is measured. */
const settlingRounds = 4

/** Some jobs more than are looked at, so that the last of those are in the middle, too. */
const spare = 500

const costWhenEmpty = Effect.fnUntraced(function* ({ accounts, concurrency, jobs }: Plan, round: number) {
  const batch = { name: `empty${round}`, jobs: warmUpJobs + jobs + spare }
  const { place } = contestant
  yield* place.stage(yield* writeRows(batch, accounts))
  const worker = yield* startWorker({ concurrency })
  const cost = yield* Effect.all([steadyCost(worker, jobs, warmUpJobs), place.release(batch)], { concurrency: 2 })
  yield* awaitSettled(batch)
  yield* worker.stop
  return { ...cost[0], jobs: batch.jobs }
}, Effect.scoped)

const costWhenFull = Effect.fnUntraced(function* ({ concurrency, jobs }: Plan) {
  const worker = yield* startWorker({ concurrency, database: fullDatabase, queue: fullQueue })
  const cost = yield* steadyCost(worker, jobs, warmUpJobs).pipe(Effect.provide(connectTo(fullDatabase)))
  yield* worker.stop
  return { ...cost, jobs }
}, Effect.scoped)

/** The workers were stopped in the middle of it; still each call stands in one row, and each such row in one call. */
const verifyFull = Effect.fnUntraced(function* (calls: number) {
  const [row] = yield* Effect.flatMap(
    SqlClient.SqlClient,
    (sql) => sql<{ readonly done: number; readonly refs: number }>`
      WITH done AS (SELECT correlation_id FROM csb_app.csb_requests WHERE client_req_id = ${fullName} AND status = 'SUCCESS')
      SELECT (SELECT count(*) FROM done)::int AS done,
        (SELECT count(*) FROM csb_app.csb_requests_ref JOIN done USING (correlation_id))::int AS refs`
  ).pipe(Effect.provide(connectTo(fullDatabase)))
  if (row?.done !== calls || row.refs !== calls) {
    return yield* new BenchFailure({
      message: `full: ${calls} calls to AWS, but ${row?.done} rows with SUCCESS and ${row?.refs} references`
    })
  }
})
