import { Clock, Duration, Effect, type Fiber, Layer } from "effect"
import { AccountSharesLive } from "../../src/layers/AccountSharesLive.ts"
import { LeasesLive } from "../../src/layers/LeasesLive.ts"
import { JobQueueRedis } from "../../src/layers/queue/JobQueueRedis.ts"
import { PausesRedis } from "../../src/layers/queue/PausesRedis.ts"
import { WorkersRedis } from "../../src/layers/queue/WorkersRedis.ts"
import { WorkerStatusLive } from "../../src/layers/WorkerStatusLive.ts"
import { consume } from "../../src/programs/consume.ts"
import { AwsIam } from "../../src/services/AwsIam.ts"
import { JobStore } from "../../src/services/JobStore.ts"
import { Leases } from "../../src/services/Leases.ts"
import { Redis } from "../../src/services/Redis.ts"
import { testAwsConfig, testRedisConfig, testWorkerConfig } from "../fixture.ts"
import { makeProcess, type Process } from "./process.ts"
import type { Shared } from "./shared.ts"
import { iamOf, redisOf, storeOf } from "./views.ts"

/** Short, since a case lasts as long as its sweeps take; their proportions are those of the defaults. */
export const settings = {
  concurrency: 3,
  accountConcurrency: 2,
  retryMaxAttempts: 3,
  retryBaseDelay: Duration.millis(100),
  retryMaxDelay: Duration.seconds(1),
  maxDeliveries: 4,
  unknownJobGrace: Duration.seconds(1),
  shutdownGrace: Duration.seconds(3),
  lease: Duration.seconds(6),
  recoveryInterval: Duration.seconds(1.5),
  orphanAfter: Duration.seconds(12)
}
const callTimeout = Duration.seconds(1)

export interface Worker {
  readonly process: Process
  readonly fiber: Fiber.Fiber<void, unknown>
}

/** Starts the real worker over its own view of what is shared. */
export const boot = Effect.fnUntraced(function* (shared: Shared, workerId: string) {
  const process = makeProcess(workerId, shared.clock)
  shared.processes.push(process)
  // The one check that a stopped process must not have behind it when it goes on (see `Kind`).
  const leases = Layer.effect(
    Leases,
    Effect.map(Leases, (it) =>
      Leases.of({ ...it, allow: (claim) => Effect.andThen(process.whileRunning, it.allow(claim)) })
    )
  ).pipe(Layer.provide(LeasesLive))
  const worker = leases.pipe(
    Layer.provideMerge(Layer.mergeAll(AccountSharesLive, JobQueueRedis, PausesRedis, WorkersRedis, WorkerStatusLive)),
    Layer.provideMerge(
      Layer.mergeAll(
        Layer.succeed(Redis, redisOf(process, shared)),
        Layer.succeed(JobStore, storeOf(process, shared)),
        Layer.succeed(AwsIam, iamOf(process, shared)),
        testRedisConfig(),
        testAwsConfig({ callTimeout }),
        testWorkerConfig({ ...settings, workerId })
      )
    )
  )
  const fiber = yield* Effect.forkDetach(
    consume.pipe(Effect.provide(worker, { local: true }), Effect.provideService(Clock.Clock, process.clock))
  )
  return { process, fiber }
})
