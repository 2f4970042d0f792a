import { Clock, Duration, Effect, Exit, Fiber, FiberSet, Ref } from "effect"
import * as metrics from "../domain/metrics.ts"
import { WorkerConfig } from "../services/Config.ts"
import { Workers } from "../services/Workers.ts"
import { WorkerStatus } from "../services/WorkerStatus.ts"
import { awaitCredentials } from "./loops/awaitCredentials.ts"
import { makeDispatch } from "./loops/dispatch.ts"
import { awaitResume } from "./loops/awaitResume.ts"
import { enlist } from "./loops/enlist.ts"
import { isHeldUp } from "./loops/heldUp.ts"
import { pushDue } from "./loops/pushDue.ts"
import { repeatedly } from "./loops/repeatedly.ts"
import { stayAlive } from "./loops/stayAlive.ts"
import { noteSweep, sweep } from "./loops/sweep.ts"
import { watchPauses } from "./loops/watchPauses.ts"

/** The part of the shutdown grace that is kept for giving jobs back: their rows and their payloads. */
const keptForRelease = 0.1

/** The part that is kept for closing everything else. */
const keptForExit = 0.05

/** How often delayed and parked jobs are looked at. */
const lookInterval = Duration.millis(100)

/** The part in which to sign off at Redis, which may be away. */
const keptForFarewell = 0.04

/**
 * The worker's main loop; it only ends by interruption. Then no more jobs are taken, those in flight may finish within
 * `SHUTDOWN_GRACE`, and the rest are interrupted, which gives them back.
 */
export const consume = Effect.gen(function* () {
  const { phase } = yield* WorkerStatus
  const { lease, recoveryInterval, shutdownGrace } = yield* WorkerConfig
  const workers = yield* Workers
  const { canPark, free, inFlight, startParked, takeAndStart } = yield* makeDispatch

  // A released job goes before all that wait, so it is released only when it can be taken at once.
  const releaseDue = Effect.gen(function* () {
    if ((yield* free) > 0 && !(yield* isHeldUp)) yield* workers.releaseDue
  })

  yield* metrics.register
  yield* noteSweep
  yield* Effect.forkScoped(repeatedly(Duration.times(lease, 0.25), stayAlive))
  yield* Effect.forkScoped(repeatedly(lookInterval, releaseDue))
  yield* Effect.forkScoped(Effect.delay(repeatedly(recoveryInterval, sweep), recoveryInterval))
  yield* Effect.forkScoped(repeatedly(recoveryInterval, pushDue))
  yield* Ref.set(phase, "running")
  const takeForever = Effect.raceFirst(
    Effect.forever(awaitCredentials.pipe(Effect.andThen(awaitResume), Effect.andThen(takeAndStart))),
    repeatedly(lookInterval, startParked)
  )
  const loop = yield* Effect.forkScoped(enlist.pipe(Effect.andThen(watchPauses(canPark)), Effect.andThen(takeForever)))
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
