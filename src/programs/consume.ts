import { Cause, Clock, Duration, Effect, Exit, Fiber, FiberSet, Metric, Option, Ref, Semaphore } from "effect"
import * as metrics from "../domain/metrics.ts"
import { WorkerConfig } from "../services/Config.ts"
import { type Delivery, JobQueue } from "../services/JobQueue.ts"
import { Workers } from "../services/Workers.ts"
import { WorkerStatus } from "../services/WorkerStatus.ts"
import { awaitCredentials } from "./awaitCredentials.ts"
import { enlist } from "./enlist.ts"
import { persist } from "./persist.ts"
import { processJob } from "./processJob.ts"
import { repeatedly } from "./repeatedly.ts"
import { stayAlive } from "./stayAlive.ts"
import { sweep } from "./sweep.ts"
import { takeNext } from "./takeNext.ts"

/** Of the shutdown grace, the part that is kept for giving jobs back: their rows and their payloads. */
const keptForRelease = 0.1

/** And the part that is kept for closing everything else. */
const keptForExit = 0.05

/** How often delayed jobs are looked at. */
const releaseInterval = Duration.millis(100)

/** Of the shutdown grace, the part in which to take leave of Redis; it may be away. */
const keptForFarewell = 0.04

/**
 * The worker's main loop; it only ends by interruption. Then no more jobs are taken, those in flight may finish within
 * `SHUTDOWN_GRACE`, and the rest are interrupted, which gives them back.
 */
export const consume = Effect.gen(function* () {
  const queue = yield* JobQueue
  const { credentialsFault, phase } = yield* WorkerStatus
  const { concurrency, lease, recoveryInterval, shutdownGrace } = yield* WorkerConfig
  const workers = yield* Workers
  const slots = yield* Semaphore.make(concurrency)
  const inFlight = yield* FiberSet.make()

  const work = (delivery: Delivery) =>
    Effect.acquireUseRelease(
      Metric.modify(metrics.jobsInFlight, 1),
      () => processJob(delivery).pipe(Effect.catchDefect((defect) => survive(delivery, defect))),
      () => Effect.andThen(Metric.modify(metrics.jobsInFlight, -1), Semaphore.release(slots, 1))
    )

  const takeAndStart = Effect.gen(function* () {
    const free = concurrency - (yield* FiberSet.size(inFlight))
    const taken = yield* takeNext(free)
    // The last one first, so that the first one is taken next.
    const giveBack = Effect.forEach(taken.toReversed(), (delivery) => persist(queue.giveBack(delivery)), {
      discard: true
    })
    // What arrives when no jobs are to be taken any more goes back at once.
    yield* Effect.interruptible(Effect.yieldNow).pipe(Effect.onInterrupt(() => giveBack))
    if (Option.isSome(yield* Ref.get(credentialsFault))) {
      yield* giveBack
      yield* Semaphore.release(slots, 1)
      return
    }
    yield* taken.length > 0 ? Semaphore.take(slots, taken.length - 1) : Semaphore.release(slots, 1)
    yield* Effect.forEach(taken, (delivery) => FiberSet.run(inFlight, work(delivery)), { discard: true })
  }).pipe(Effect.uninterruptible)

  // Released, a job lies before all that wait; so only when it is taken at once.
  const releaseDue = Effect.gen(function* () {
    const busy = (yield* FiberSet.size(inFlight)) >= concurrency
    if (!busy && Option.isNone(yield* Ref.get(credentialsFault))) yield* workers.releaseDue
  })

  yield* metrics.register
  yield* Effect.forkScoped(repeatedly(Duration.times(lease, 0.25), stayAlive))
  yield* Effect.forkScoped(repeatedly(releaseInterval, releaseDue))
  yield* Effect.forkScoped(Effect.delay(repeatedly(recoveryInterval, sweep), recoveryInterval))
  yield* Ref.set(phase, "running")
  const takeForever = awaitCredentials.pipe(
    Effect.andThen(Semaphore.take(slots, 1)),
    Effect.andThen(takeAndStart),
    Effect.forever
  )
  const loop = yield* Effect.forkScoped(Effect.andThen(enlist, takeForever))
  return yield* Fiber.join(loop).pipe(
    Effect.onExit((exit) =>
      Ref.set(phase, Exit.hasInterrupts(exit) ? "draining" : "stopped").pipe(
        // At the same time, since the last take cannot be interrupted.
        Effect.andThen(
          Effect.all([Fiber.interrupt(loop), drain(inFlight)], { concurrency: "unbounded", discard: true })
        ),
        Effect.andThen(
          workers.retire.pipe(Effect.timeout(Duration.times(shutdownGrace, keptForFarewell)), Effect.ignore)
        )
      )
    )
  )
}).pipe(Effect.scoped)

const drain = Effect.fnUntraced(function* (inFlight: FiberSet.FiberSet) {
  const { endsAt } = yield* WorkerStatus
  const { shutdownGrace } = yield* WorkerConfig
  yield* Ref.set(endsAt, (yield* Clock.currentTimeMillis) + Duration.toMillis(shutdownGrace) * (1 - keptForExit))
  const jobs = yield* FiberSet.size(inFlight)
  yield* Effect.logInfo(`draining: ${jobs} jobs in flight may finish within ${Duration.format(shutdownGrace)}`)
  yield* FiberSet.awaitEmpty(inFlight).pipe(Effect.timeoutOption(Duration.times(shutdownGrace, 1 - keptForRelease)))
  const fibers = Array.from(inFlight)
  if (fibers.length > 0) yield* Effect.logWarning(`giving back ${fibers.length} jobs that did not finish`)
  yield* Fiber.interruptAll(fibers)
})

/** Milliseconds before a payload that breaks the worker itself comes up again. */
const defectDelay = 1_000

/** A fault in the worker's own code, outside the work under a claim: the worker goes on, and the job waits behind the others. */
const survive = Effect.fnUntraced(function* (delivery: Delivery, defect: unknown) {
  const queue = yield* JobQueue
  yield* Effect.logError("a fault in the worker", Cause.die(defect))
  yield* Effect.ignore(Effect.interruptible(Effect.sleep(defectDelay)))
  yield* persist(queue.requeue(delivery))
})
