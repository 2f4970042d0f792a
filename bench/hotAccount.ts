import { Clock, Duration, Effect, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { withLatency, withWriteRate } from "./aws.ts"
import { worker as contestant } from "./contestants/worker.ts"
import { readCalls } from "./counters.ts"
import { writeRows } from "./jobs.ts"
import { firstAccount, type Plan, queue, usualLatency, warmUpJobs } from "./plan.ts"
import { startAfresh } from "./prepare.ts"
import { onRedis } from "./redis.ts"
import { carryOut } from "./sample.ts"
import { verifyRows } from "./verify.ts"
import { startWorker } from "./worker.ts"

/** Jobs of the hot account, which all lie ahead of the others', and the writes a second that AWS lets it make. */
const hotJobs = 5_000
const hotRate = 5
const hotAccount = firstAccount + 900_000

/** Jobs a second of the other accounts together, evenly spaced. */
const othersRate = 40

/** After the start, until the hot account has used up its burst and the worker knows its rate. */
const settling = Duration.seconds(3)

/** After the last job of the others, for them to end. */
const patience = Duration.seconds(15)

export interface HotRun {
  /** Of the other accounts' jobs: milliseconds from LPUSH to the final audit row; infinite where there is none. */
  readonly latencies: ReadonlyArray<number>
  readonly unfinished: number
  /** Of the hot account, if there was one: its calls that succeeded by those that AWS allows, and the share that was throttled. */
  readonly hot: { readonly goodput: number; readonly throttled: number } | undefined
}

/** The others' jobs come at their pace; beside them there is the hot account, or not. */
export const watchOthers = Effect.fnUntraced(function* (plan: Plan, beside: boolean) {
  yield* startAfresh
  yield* withLatency(usualLatency)
  yield* withWriteRate(String(hotAccount), hotRate)
  const worker = yield* startWorker({ concurrency: plan.concurrency, shutdownGrace: "1 second" })
  yield* carryOut(contestant, [worker], { name: "hot-warm", jobs: warmUpJobs }, plan.accounts)

  const others = { name: "others", jobs: othersRate * plan.hotSeconds }
  const payloads = yield* writeRows(others, plan.accounts)
  if (beside) {
    const batch = { name: "hot", jobs: hotJobs }
    yield* contestant.place.stage(yield* writeRows(batch, 1, hotAccount))
    yield* contestant.place.release(batch)
  }
  const startedAt = yield* Clock.currentTimeMillis
  const pushedAt = new Map<string, number>()
  for (const [index, payload] of payloads.entries()) {
    const due = startedAt + (index * 1_000) / othersRate
    yield* Effect.sleep(Math.max(0, due - (yield* Clock.currentTimeMillis)))
    const correlationId = /"correlation_id":"([^"]*)"/.exec(payload)?.[1] ?? ""
    pushedAt.set(correlationId, yield* Clock.currentTimeMillis)
    yield* onRedis((redis) => redis.lpush(queue, payload))
  }
  const pushed = yield* Clock.currentTimeMillis
  const hot = beside ? yield* hotCalls(startedAt + Duration.toMillis(settling), pushed) : undefined
  const settled = yield* Effect.repeat(settledAt(others.name), {
    until: (rows) => rows.length === others.jobs,
    schedule: Schedule.spaced("200 millis").pipe(Schedule.upTo({ duration: patience }))
  })
  const took = settled.map(({ at, id }) => at - (pushedAt.get(id) ?? Number.NaN))
  const unfinished = others.jobs - settled.length
  if (unfinished === 0) yield* verifyRows(others)
  yield* worker.stop
  const latencies = [...took, ...Array.from({ length: unfinished }, () => Number.POSITIVE_INFINITY)]
  return { latencies, unfinished, hot } satisfies HotRun
}, Effect.scoped)

const settledAt = Effect.fnUntraced(function* (name: string) {
  const sql = yield* SqlClient.SqlClient
  return yield* sql<{ readonly id: string; readonly at: number }>`
    SELECT correlation_id AS id, (extract(epoch FROM max(audit_timestamp)) * 1000)::float8 AS at
    FROM csb_app.csb_requests_audit AS audit JOIN csb_app.csb_requests USING (correlation_id)
    WHERE client_req_id = ${name} AND audit.status = 'SUCCESS' GROUP BY correlation_id`
})

/** More than there are in the time that is looked at. */
const manyCalls = 100_000

/** Of the hot account's calls in this time: how many of those that AWS allows succeeded, and which share was throttled. */
const hotCalls = Effect.fnUntraced(function* (from: number, to: number) {
  const { calls } = yield* readCalls(manyCalls)
  const its = calls.filter(
    ({ accountId, at, operation }) =>
      accountId === String(hotAccount) && operation === "AttachUserPolicy" && at >= from && at < to
  )
  const ok = its.filter(({ outcome }) => outcome === "ok").length
  const throttled = its.filter(({ outcome }) => outcome === "Throttling").length
  return {
    goodput: ok / ((hotRate * (to - from)) / 1_000),
    throttled: its.length === 0 ? 0 : throttled / its.length
  }
})
