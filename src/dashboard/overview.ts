import { Clock, DateTime, Duration, Effect, Option, Ref } from "effect"
import { decodeJob, receivedAt } from "../domain/Job.ts"
import type { Overview, Part, QueueView } from "../domain/Overview.ts"
import { pausesInForce } from "../programs/operate/pausesInForce.ts"
import { AccountShares } from "../services/AccountShares.ts"
import { WorkerConfig } from "../services/Config.ts"
import { JobQueue } from "../services/JobQueue.ts"
import { JobStore } from "../services/JobStore.ts"
import { Workers } from "../services/Workers.ts"
import { WorkerStatus } from "../services/WorkerStatus.ts"
import { makeRecentHistory } from "./recentHistory.ts"
import { sentenceOf } from "./responses.ts"

/** How long one look at a backend may take; a person waits for it. */
const patience = Duration.seconds(5)

/** All who look within this time see the same answer, which was read once. */
const shared = Duration.seconds(1)

/** If one backend is away, the parts from the others are still shown. */
const part = <A, E extends { readonly message: string }, R>(read: Effect.Effect<A, E, R>) =>
  read.pipe(
    Effect.timeout(patience),
    Effect.match({
      onFailure: (error): Part<A> => ({ problem: sentenceOf(error) }),
      onSuccess: (value): Part<A> => ({ value })
    })
  )

/** What the dashboard shows first. Nothing is read unless it is asked for. */
export const makeOverview = Effect.gen(function* () {
  const queue = yield* JobQueue
  const workers = yield* Workers
  const store = yield* JobStore
  const shares = yield* AccountShares
  const status = yield* WorkerStatus
  const { workerId } = yield* WorkerConfig
  const recentHistory = yield* makeRecentHistory

  const readQueue = Effect.gen(function* () {
    const { delayed, known, pauses, stats } = yield* Effect.all(
      { delayed: workers.delayed, known: workers.known, pauses: pausesInForce, stats: queue.stats },
      { concurrency: "unbounded" }
    )
    return {
      depth: stats.depth,
      oldestReceivedAt: yield* receivedAtOf(stats.oldest),
      delayed,
      deadLetters: stats.deadLetters,
      parked: stats.parked,
      pauses: pauses.map(({ at, by, scope, why }) => ({ scope, by, why, at: DateTime.toEpochMillis(at) })),
      workers: known
    } satisfies QueueView
  })

  const read = Effect.gen(function* () {
    const parts = yield* Effect.all(
      { queue: part(readQueue), inFlight: part(store.inFlight), history: part(recentHistory) },
      { concurrency: "unbounded" }
    )
    return {
      now: yield* Clock.currentTimeMillis,
      replica: {
        workerId,
        phase: yield* Ref.get(status.phase),
        fetchFault: Option.getOrNull(yield* Ref.get(status.fetchFault)),
        credentialsFault: Option.getOrNull(yield* Ref.get(status.credentialsFault))
      },
      ...parts,
      throttled: yield* shares.throttled
    } satisfies Overview
  })

  return yield* Effect.cachedWithTTL(read, shared)
})

const receivedAtOf = (payload: Option.Option<Uint8Array>) =>
  Effect.transposeOption(Option.map(payload, decodeJob)).pipe(
    Effect.map((job) => Option.getOrNull(Option.map(Option.flatMap(job, receivedAt), DateTime.toEpochMillis))),
    Effect.orElseSucceed(() => null)
  )
