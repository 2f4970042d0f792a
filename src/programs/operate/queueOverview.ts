import { DateTime, Effect, Option } from "effect"
import { decodeJob, receivedAt } from "../../domain/Job.ts"
import { pausesInForce } from "./pausesInForce.ts"
import { JobQueue } from "../../services/JobQueue.ts"
import { JobStore } from "../../services/JobStore.ts"
import type { Pause } from "../../domain/Pause.ts"
import { Workers } from "../../services/Workers.ts"

/** The queue and the workers on it, at one time. */
export interface QueueOverview {
  readonly at: DateTime.Utc
  /** Payloads in the list, and parked. */
  readonly depth: number
  /** The payload that will be taken next, and what it says if it is a job. */
  readonly oldest: Option.Option<{
    readonly correlationId: Option.Option<string>
    readonly receivedAt: Option.Option<DateTime.Utc>
  }>
  /** Requests that are IN_PROGRESS. */
  readonly inFlight: number
  /** Included in the depth. */
  readonly parked: number
  /** Counted up to `manyDelayed`. */
  readonly delayed: number
  readonly dead: number
  /** What an operator paused; also empty where the worker may not read pauses. */
  readonly pauses: ReadonlyArray<Pause>
  /** Those with anything in flight or parked, the busiest first. */
  readonly accounts: ReadonlyArray<{
    readonly accountId: string
    readonly inFlight: number
    readonly parked: number
  }>
  readonly workers: ReadonlyArray<{
    readonly workerId: string
    readonly aliveUntil: DateTime.Utc
    readonly alive: boolean
    /** Payloads that it holds. */
    readonly held: number
  }>
}

/** Uses no more than the worker's own Redis ACL grants, so that a worker can show it. */
export const queueOverview = Effect.gen(function* () {
  const queue = yield* JobQueue
  const store = yield* JobStore
  const workers = yield* Workers
  const { delayed, inFlight, known, pauses, stats } = yield* Effect.all(
    {
      delayed: workers.delayed,
      inFlight: store.inFlight,
      known: workers.known,
      pauses: pausesInForce,
      stats: queue.stats
    },
    { concurrency: "unbounded" }
  )
  const at = yield* DateTime.now

  const countsOf = (accountId: string) => ({
    accountId,
    inFlight: inFlight.find((it) => it.accountId === accountId)?.count ?? 0,
    parked: stats.parked.find((it) => it.accountId === accountId)?.count ?? 0
  })
  const accounts = Array.from(
    new Set([...inFlight, ...stats.parked].map(({ accountId }) => accountId)),
    countsOf
  ).toSorted(
    (one, other) =>
      other.inFlight + other.parked - (one.inFlight + one.parked) || (one.accountId < other.accountId ? -1 : 1)
  )
  const overview: QueueOverview = {
    at,
    depth: stats.depth,
    oldest: yield* Effect.transposeOption(Option.map(stats.oldest, describe)),
    inFlight: sumOf(inFlight),
    parked: sumOf(stats.parked),
    delayed,
    dead: stats.deadLetters,
    pauses,
    accounts,
    workers: known.map(({ aliveUntil, held, workerId }) => ({
      workerId,
      aliveUntil: DateTime.makeUnsafe(aliveUntil),
      alive: aliveUntil > DateTime.toEpochMillis(at),
      held
    }))
  }
  return overview
})

const describe = (payload: Uint8Array) =>
  decodeJob(payload).pipe(
    Effect.map((job) => ({ correlationId: Option.some(job.correlation_id), receivedAt: receivedAt(job) })),
    Effect.catch(({ correlationId }) => Effect.succeed({ correlationId, receivedAt: Option.none<DateTime.Utc>() }))
  )

const sumOf = (counts: ReadonlyArray<{ readonly count: number }>) => counts.reduce((sum, { count }) => sum + count, 0)
