import { Clock, Duration, Effect, Metric, Option, Ref, Result, Schema } from "effect"
import { CorrelationId } from "../../domain/Job.ts"
import * as metrics from "../../domain/metrics.ts"
import { monotonicMillis } from "../../domain/monotonicMillis.ts"
import { lostTooManyLog, maxLosses, printable } from "../../domain/Settlement.ts"
import { WorkerConfig } from "../../services/Config.ts"
import { JobQueue } from "../../services/JobQueue.ts"
import { JobStore, type Recovered } from "../../services/JobStore.ts"
import { type Leftover, Workers } from "../../services/Workers.ts"
import { WorkerStatus } from "../../services/WorkerStatus.ts"
import { count } from "../job/count.ts"

/**
 * Brings back jobs that have lost their worker, and requests that have lost their job. Every replica sweeps; a lock in the database lets
 * one at a time do it, except for the moves in Redis, which may overlap. What a sweep that is cut off leaves undone, the next one finds.
 */
export const sweep = Effect.gen(function* () {
  yield* judgeOrphans
  if (yield* isSteady) yield* recover
  yield* noteSweep
}).pipe(
  Effect.tapErrorTag("SqlError", () => Effect.flatMap(WorkerStatus, ({ steadyFrom }) => Ref.set(steadyFrom, never)))
)

/** Shows whether sweeps still finish. */
export const noteSweep = Effect.flatMap(Clock.currentTimeMillis, (now) => Metric.update(metrics.lastSweep, now / 1_000))

const never = Number.POSITIVE_INFINITY

/** For at least this long after an outage of PostgreSQL nothing is recovered: first the living workers touch what they hold. */
const quietTime = Duration.seconds(5)

/** Whether the database has been there for a while. */
const isSteady = Effect.gen(function* () {
  const store = yield* JobStore
  const { lease } = yield* WorkerConfig
  const { steadyFrom } = yield* WorkerStatus
  const now = yield* monotonicMillis
  const from = yield* Ref.get(steadyFrom)
  if (from !== never) return now >= from
  yield* store.ping
  yield* Ref.set(steadyFrom, now + Duration.toMillis(Duration.min(quietTime, lease)))
  return false
})

const recover = Effect.gen(function* () {
  const store = yield* JobStore
  const { lease } = yield* WorkerConfig
  let recovered = yield* store.recover(lease, maxLosses)
  if (Option.isNone(recovered)) return
  while (Option.isSome(recovered) && recovered.value.length > 0) {
    yield* Effect.forEach(recovered.value, reportRecovered, { discard: true })
    recovered = yield* store.recover(lease, maxLosses)
  }
  yield* Effect.flatMap(Workers, ({ leftovers }) => Effect.flatMap(leftovers, Effect.forEach(bringBack)))
  yield* pushOrphans
})

const reportRecovered = Effect.fnUntraced(function* ({ correlationId, status }: Recovered) {
  const queue = yield* JobQueue
  yield* count(status === "FAILED" ? "failed" : "recovered")
  if (status === "FAILED") yield* queue.forgetStatus(correlationId)
  yield* Effect.logWarning(status === "FAILED" ? lostTooManyLog : "its worker was lost: pending again").pipe(
    Effect.annotateLogs("correlation_id", correlationId)
  )
})

/** A payload goes back only after its row did: taken sooner, it would pass for a duplicate of a job that somebody has. */
const bringBack = Effect.fnUntraced(function* ({ payloads, workerId }: Leftover) {
  const store = yield* JobStore
  const queue = yield* JobQueue
  const workers = yield* Workers
  const ids = payloads.map(correlationIdOf)
  const standings = yield* store.standings(Array.from(new Set(ids.flatMap(Option.toArray))))
  // The newest lies at the left, and goes back first, so that the oldest is taken first.
  for (const [index, payload] of payloads.entries()) {
    const id = Option.flatten(Option.fromUndefinedOr(ids[index]))
    const standing = standings.find((it) => Option.contains(id, it.correlationId))
    if (standing?.status === "IN_PROGRESS") continue
    if (standing?.lostTooMany === true) {
      yield* queue.deadLetter(payload, { reason: "WorkerLost", message: lostTooManyLog, correlationId: id })
      yield* workers.discard(workerId, payload)
      yield* count("dead_letter")
      continue
    }
    yield* workers.reclaim(workerId, payload)
    yield* Effect.logInfo(`back in the queue from the lost worker ${printable(workerId)}`).pipe(
      Effect.annotateLogs(
        "correlation_id",
        Option.getOrElse(id, () => "unknown")
      )
    )
  }
})

/** How many times `ORPHAN_AFTER` has to pass where nobody can tell the age of the oldest queued job. Without a bound, a key could be stuck. */
const unknownFactor = 10

/** Sets from which time back pending requests count as orphans: those older than every job that is still queued. */
const judgeOrphans = Effect.gen(function* () {
  const store = yield* JobStore
  const workers = yield* Workers
  const { orphanAfter } = yield* WorkerConfig
  const { orphansBefore } = yield* WorkerStatus
  const payloads = yield* workers.oldest
  const now = yield* Clock.currentTimeMillis
  const patience = Duration.toMillis(orphanAfter)
  const ids = payloads?.flatMap((payload) => Option.toArray(correlationIdOf(payload))) ?? []
  const oldest = ids.length === 0 ? Option.none<number>() : yield* store.oldestOf(ids)
  const unknown = payloads === null || (payloads.length > 0 && Option.isNone(oldest))
  const before = unknown ? now - unknownFactor * patience : Option.getOrElse(oldest, () => now)
  yield* Ref.set(orphansBefore, Math.min(before, now - patience))
})

const pushOrphans = Effect.gen(function* () {
  const store = yield* JobStore
  const queue = yield* JobQueue
  const before = yield* Ref.get((yield* WorkerStatus).orphansBefore)
  const { left, rebuilt } = yield* store.orphans(before)
  for (const payload of rebuilt) yield* queue.submit(Buffer.from(payload))
  if (rebuilt.length > 0) {
    yield* Metric.update(metrics.jobs.recovered, rebuilt.length)
    yield* Effect.logWarning(`${rebuilt.length} pending requests had no job any more: rebuilt and pushed`)
  }
  const { value: leftBefore } = yield* Metric.value(metrics.orphans)
  yield* Metric.update(metrics.orphans, left)
  if (left > leftBefore) {
    yield* Effect.logWarning(`${left} pending requests have no job, and their rows do not say enough for one`)
  }
})

const decodeId = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Struct({ correlation_id: CorrelationId })))

const correlationIdOf = (payload: Uint8Array): Option.Option<string> =>
  Option.map(Result.getSuccess(decodeId(Buffer.from(payload).toString())), (it) => it.correlation_id.toLowerCase())
