import { Clock, Duration, Effect, type Fiber, Layer, Option, Random } from "effect"
import { ConnectionError, SqlError } from "effect/sql/SqlError"
import { Timeout } from "../../src/domain/AwsError.ts"
import { operationOf, type PolicyChange } from "../../src/domain/PolicyChange.ts"
import { statusAfter } from "../../src/domain/Settlement.ts"
import { LeasesLive } from "../../src/layers/LeasesLive.ts"
import { JobQueueRedis } from "../../src/layers/queue/JobQueueRedis.ts"
import { WorkersRedis } from "../../src/layers/queue/WorkersRedis.ts"
import { WorkerStatusLive } from "../../src/layers/WorkerStatusLive.ts"
import { consume } from "../../src/programs/consume.ts"
import { AwsIam } from "../../src/services/AwsIam.ts"
import { JobStore } from "../../src/services/JobStore.ts"
import { Leases } from "../../src/services/Leases.ts"
import { Redis, RedisError } from "../../src/services/Redis.ts"
import { testAwsConfig, testRedisConfig, testWorkerConfig } from "../fixture.ts"
import { type Kind, makeProcess, type Process } from "./process.ts"
import { keys, type Shared } from "./shared.ts"

const sqlError = new SqlError({ reason: new ConnectionError({ cause: new Error("connection lost") }) })
const redisError = new RedisError({ command: "?", reason: "Unavailable", message: "connection lost" })

/** Short, since a case lasts as long as its sweeps take; their proportions are those of the defaults. */
export const settings = {
  concurrency: 3,
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

/** Most calls are quick, and some take nearly as long as they may. */
const latency = Effect.flatMap(Random.nextIntBetween(0, 12), (it) => Effect.sleep(it > 9 ? 450 : it * 10))

const storeOf = (process: Process, { down, ledger, store }: Shared) => {
  const call = <A>(statement: Effect.Effect<A, SqlError>, kind: Kind = "change") =>
    process.call(
      kind,
      Effect.suspend(() => (down.database ? Effect.fail(sqlError) : statement)),
      sqlError
    )
  return JobStore.of({
    claim: (job, claimant, waiting) =>
      call(
        Effect.tap(store.claim(job, claimant, waiting), (found) =>
          Effect.sync(() => {
            if (Option.isSome(found) && found.value._tag === "Claimed") {
              ledger.claimed(found.value.claim, process.workerId)
            }
          })
        )
      ),
    settle: (claim, settlement) =>
      call(
        Effect.tap(store.settle(claim, settlement), (done) =>
          Effect.sync(() => done && ledger.settled(claim, statusAfter(settlement) !== "PENDING"))
        )
      ),
    recover: (lease, maxLosses) =>
      call(
        Effect.tap(store.recover(lease, maxLosses), (found) =>
          Effect.sync(() => {
            for (const it of Option.getOrElse(found, () => []))
              ledger.recovered(it.correlationId, it.status === "FAILED")
          })
        )
      ),
    heartbeat: (claims) => call(store.heartbeat(claims)),
    reject: (id, log) => call(store.reject(id, log)),
    standings: (ids) => call(store.standings(ids)),
    oldestOf: (ids) => call(store.oldestOf(ids)),
    orphans: (before) => call(store.orphans(before)),
    submit: (job) => call(store.submit(job)),
    find: (id) => call(store.find(id), "look"),
    ping: call(store.ping, "look")
  })
}

const redisOf = (process: Process, { checkPlaces, down, redis }: Shared) => {
  const call = <A>(command: Effect.Effect<A, RedisError>, kind: Kind = "look") =>
    process.call(
      kind,
      Effect.suspend(() => (down.redis ? Effect.fail(redisError) : command)),
      redisError
    )
  const change = <A>(command: Effect.Effect<A, RedisError>) =>
    call(
      Effect.tap(command, () => checkPlaces),
      "change"
    )
  return Redis.of({
    moveLastWait: (source, destination, timeout) => call(redis.moveLastWait(source, destination, timeout), "take"),
    popLastWait: (key, timeout) => call(redis.popLastWait(key, timeout), "take"),
    push: (key, end, value) => change(redis.push(key, end, value)),
    removeFirst: (key, value) => change(redis.removeFirst(key, value)),
    transfer: (source, destination, end, value) => change(redis.transfer(source, destination, end, value)),
    transferToSet: (source, destination, score, value) =>
      change(redis.transferToSet(source, destination, score, value)),
    transferFromSet: (source, destination, value) => change(redis.transferFromSet(source, destination, value)),
    removeMember: (key, member) => change(redis.removeMember(key, member)),
    delete: (key) => change(redis.delete(key)),
    list: (key, count) => call(redis.list(key, count)),
    setScore: (key, member, score) => call(redis.setScore(key, member, score)),
    lowest: (key, max, limit) =>
      call(
        Effect.tap(redis.lowest(key, max, limit), (found) =>
          // Most cases would be spent with looking for delayed jobs where there are none.
          found.length === 0 && key === keys.delayed ? Effect.sleep(400) : Effect.void
        )
      ),
    length: (key) => call(redis.length(key)),
    last: (key) => call(redis.last(key)),
    ping: call(redis.ping)
  })
}

const iamOf = (process: Process, shared: Shared) => {
  const lost = (change: PolicyChange) =>
    new Timeout({ code: "ECONNRESET", message: "connection lost", operation: operationOf(change) })
  return AwsIam.of({
    apply: (change) => {
      const met = shared.trouble(change)
      // Who hangs up in the middle of a call cannot tell whether it was carried out.
      const interrupted = Effect.flatMap(Random.nextBoolean, (sent) =>
        sent ? Effect.ignore(shared.carryOut(change, process)) : Effect.void
      )
      const sent = Effect.andThen(
        Effect.onInterrupt(latency, () => interrupted),
        shared.carryOut(change, process)
      )
      const answered =
        met === undefined ? sent : Effect.andThen(met.when === "after" ? sent : latency, Effect.fail(met.error))
      return process.call(
        "send",
        Effect.andThen(answered, (it) => Effect.as(latency, it)),
        lost(change)
      )
    },
    isAttached: (change) => process.call("send", Effect.andThen(latency, shared.iam.isAttached(change)), lost(change)),
    identity: process.call(
      "send",
      shared.iam.identity,
      lost({ accountId: "", principalType: "User", principal: "", action: "add", policyArn: "" })
    )
  })
}

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
    Layer.provideMerge(Layer.mergeAll(JobQueueRedis, WorkersRedis, WorkerStatusLive)),
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
