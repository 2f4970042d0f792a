import { Duration, Effect, type Fiber, Layer } from "effect"
import { Timeout } from "../../src/domain/AwsError.ts"
import { operationOf } from "../../src/domain/PolicyChange.ts"
import { LeasesLive } from "../../src/layers/LeasesLive.ts"
import { JobQueueRedis } from "../../src/layers/queue/JobQueueRedis.ts"
import { WorkersRedis } from "../../src/layers/queue/WorkersRedis.ts"
import { WorkerStatusLive } from "../../src/layers/WorkerStatusLive.ts"
import { consume } from "../../src/programs/consume.ts"
import { AwsIam } from "../../src/services/AwsIam.ts"
import { JobStore } from "../../src/services/JobStore.ts"
import { Redis } from "../../src/services/Redis.ts"
import { testAwsConfig, testRedisConfig, testWorkerConfig } from "../fixture.ts"
import { Gate } from "./gate.ts"

/** Short, so that a schedule of some seconds goes through everything. */
export const callTimeout = Duration.millis(500)
export const lease = Duration.seconds(4)
export const settings = {
  concurrency: 3,
  retryMaxAttempts: 3,
  retryBaseDelay: Duration.millis(50),
  retryMaxDelay: Duration.millis(500),
  maxDeliveries: 0,
  unknownJobGrace: Duration.seconds(1),
  shutdownGrace: Duration.seconds(2),
  lease,
  recoveryInterval: Duration.seconds(1),
  orphanAfter: Duration.seconds(8)
}

export interface Replica {
  readonly gate: Gate
  readonly fiber: Fiber.Fiber<unknown, unknown>
}

/** Boots the real worker; all that it shares with others goes through its gate. */
export const boot = Effect.fnUntraced(function* (workerId: string) {
  const gate = new Gate()
  const aws = yield* AwsIam
  const shared = Layer.mergeAll(
    Layer.succeed(Redis, gate.before("redis", yield* Redis)),
    Layer.succeed(JobStore, gate.before("postgres", yield* JobStore)),
    Layer.succeed(
      AwsIam,
      gate.before("aws", {
        ...aws,
        apply: (change) =>
          Effect.timeoutOrElse(aws.apply(change), {
            duration: callTimeout,
            orElse: () =>
              Effect.fail(new Timeout({ code: "TimeoutError", message: "", operation: operationOf(change) }))
          })
      })
    ),
    testWorkerConfig({ ...settings, workerId }),
    testRedisConfig(),
    testAwsConfig({ callTimeout })
  )
  const worker = Layer.fresh(LeasesLive).pipe(
    Layer.provideMerge(
      Layer.mergeAll(Layer.fresh(JobQueueRedis), Layer.fresh(WorkersRedis), Layer.fresh(WorkerStatusLive))
    ),
    Layer.provideMerge(shared)
  )
  const fiber = yield* Effect.forkDetach(Effect.provide(consume, worker))
  return { gate, fiber }
})
