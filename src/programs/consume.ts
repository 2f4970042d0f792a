import { Duration, Effect, Exit, Fiber, FiberSet, Metric, Option, Ref, Semaphore } from "effect"
import * as metrics from "../domain/metrics.ts"
import { WorkerConfig } from "../services/Config.ts"
import { JobQueue } from "../services/JobQueue.ts"
import { WorkerStatus } from "../services/WorkerStatus.ts"
import { awaitCredentials } from "./awaitCredentials.ts"
import { persist } from "./persist.ts"
import { processJob } from "./processJob.ts"

/** Of the shutdown grace, the part that is kept for giving jobs back: their rows and their payloads. */
const keptForRelease = 0.1

/**
 * The worker's main loop; it only ends by interruption. Then no more jobs are taken, those in flight may finish within
 * `SHUTDOWN_GRACE`, and the rest are interrupted, which gives them back. All of that happens as the scope closes, so
 * before Redis and the database pool go.
 */
export const consume = Effect.gen(function* () {
  const queue = yield* JobQueue
  const { phase } = yield* WorkerStatus
  const config = yield* WorkerConfig
  const slots = yield* Semaphore.make(config.concurrency)

  const inFlight = yield* FiberSet.make()
  yield* Effect.addFinalizer(() => drain(inFlight))

  const start = (delivery: Parameters<typeof processJob>[0]) =>
    Effect.acquireUseRelease(
      Metric.modify(metrics.jobsInFlight, 1),
      () => processJob(delivery),
      () => Effect.andThen(Metric.modify(metrics.jobsInFlight, -1), Semaphore.release(slots, 1))
    )

  // The take is not interrupted, since a payload could be lost in it. One that arrives when the worker already stops goes
  // back at once.
  const takeAndStart = Effect.gen(function* () {
    const taken = yield* persist(queue.take)
    if (Option.isNone(taken)) {
      yield* Semaphore.release(slots, 1)
      return
    }
    yield* Effect.interruptible(Effect.yieldNow).pipe(Effect.onInterrupt(() => persist(queue.giveBack(taken.value))))
    yield* FiberSet.run(inFlight, start(taken.value))
  }).pipe(Effect.uninterruptible)

  yield* Ref.set(phase, "running")
  yield* awaitCredentials.pipe(
    Effect.andThen(Semaphore.take(slots, 1)),
    Effect.andThen(takeAndStart),
    Effect.forever,
    Effect.onExit((exit) => Ref.set(phase, Exit.hasInterrupts(exit) ? "draining" : "stopped"))
  )
}).pipe(Effect.scoped)

const drain = Effect.fnUntraced(function* (inFlight: FiberSet.FiberSet) {
  const { shutdownGrace } = yield* WorkerConfig
  const jobs = yield* FiberSet.size(inFlight)
  yield* Effect.logInfo(`draining: ${jobs} jobs in flight may finish within ${Duration.format(shutdownGrace)}`)
  yield* FiberSet.awaitEmpty(inFlight).pipe(
    Effect.interruptible,
    Effect.timeoutOption(Duration.times(shutdownGrace, 1 - keptForRelease))
  )
  const fibers = Array.from(inFlight)
  if (fibers.length > 0) yield* Effect.logWarning(`giving back ${fibers.length} jobs that did not finish`)
  yield* Fiber.interruptAll(fibers).pipe(
    Effect.interruptible,
    Effect.timeoutOption(Duration.times(shutdownGrace, keptForRelease))
  )
})
