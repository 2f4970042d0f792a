import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Logger, Metric, Option, Ref, References } from "effect"
import { TestClock } from "effect/testing"
import * as metrics from "../../src/domain/metrics.ts"
import { AwsIamControl } from "../../src/layers/memory/AwsIamMemory.ts"
import { consume } from "../../src/programs/consume.ts"
import { pause } from "../../src/programs/operate/pause.ts"
import { pausesInForce } from "../../src/programs/operate/pausesInForce.ts"
import { watchPauses } from "../../src/programs/loops/watchPauses.ts"
import { JobQueue } from "../../src/services/JobQueue.ts"
import { JobStore } from "../../src/services/JobStore.ts"
import { Pauses } from "../../src/services/Pauses.ts"
import { Redis, RedisError } from "../../src/services/Redis.ts"
import { WorkerStatus } from "../../src/services/WorkerStatus.ts"
import { aJob, anotherWorker, bytes, processing, queue, testRedisConfig, withWorker } from "../fixture.ts"

const paused = "111111111111"
const other = "222222222222"
const because = { by: "ann", why: "OPS-1" }
const away = new RedisError({ command: "ZRANGEBYSCORE", reason: "Unavailable", message: "away" })
const denied = new RedisError({ command: "ZRANGEBYSCORE", reason: "Denied", message: "NOPERM" })

const request = Effect.fnUntraced(function* (account_id: string, principal = "alice") {
  const job = aJob({ account_id, principal })
  yield* (yield* JobStore).submit(job)
  yield* (yield* JobQueue).submit(bytes(job))
  return job.correlation_id
})
const statusOf = (id: string) =>
  Effect.flatMap(JobStore, (store) => Effect.map(store.find(id), (found) => Option.getOrThrow(found).status))
const aSecond = Effect.andThen(TestClock.adjust("100 millis"), Effect.yieldNow).pipe(Effect.repeat({ times: 9 }))
const aWorker = Effect.acquireRelease(Effect.forkDetach(consume), (worker) =>
  Effect.gen(function* () {
    const stopping = yield* Effect.forkChild(Fiber.interrupt(worker))
    yield* TestClock.adjust("1 minute")
    yield* Fiber.join(stopping)
  })
)
const resume = (scope: string) => Effect.flatMap(Pauses, (pauses) => pauses.resume(scope))

describe("pauses", () => {
  it.effect("of all stop a running worker within a second, leave the queue as it is, and end within a second", () =>
    Effect.gen(function* () {
      const redis = yield* Redis
      yield* aWorker
      yield* aSecond
      yield* pause("all", because)
      yield* aSecond
      const ids = [yield* request(paused), yield* request(other)]
      yield* aSecond
      assert.deepStrictEqual([yield* redis.length(queue), yield* redis.length(processing)], [2, 0])
      yield* resume("all")
      yield* aSecond
      assert.deepStrictEqual(yield* Effect.forEach(ids, statusOf), ["SUCCESS", "SUCCESS"])
    }).pipe(withWorker())
  )

  it.effect("are known before the first job is taken", () =>
    Effect.gen(function* () {
      const aws = yield* AwsIamControl
      yield* pause("all", because)
      const id = yield* request(other)
      yield* aWorker
      yield* aSecond
      assert.strictEqual(yield* statusOf(id), "PENDING")
      assert.strictEqual(aws.calls().length, 0)
    }).pipe(withWorker())
  )

  it.effect("are known before the first job is taken, also when Redis is away at first", () =>
    Effect.gen(function* () {
      const pauses = yield* Pauses
      let looks = 0
      const flaky = Layer.succeed(Pauses, {
        ...pauses,
        all: Effect.suspend(() => (++looks === 1 ? Effect.fail(away) : pauses.all))
      })
      yield* pause("all", because)
      const id = yield* request(other)
      const worker = yield* Effect.forkChild(Effect.provide(consume, flaky))
      yield* aSecond
      assert.strictEqual(yield* statusOf(id), "PENDING")
      assert.isAtLeast(looks, 2)
      yield* Fiber.interrupt(worker)
    }).pipe(withWorker())
  )

  it.effect("of an account park its jobs, and let all others pass, and those in flight finish", () =>
    Effect.gen(function* () {
      const [aws, redis] = [yield* AwsIamControl, yield* Redis]
      aws.obstruct({ when: "before", effect: Effect.sleep("3 seconds") })
      const inFlight = yield* request(paused, "first")
      yield* aWorker
      yield* aSecond
      yield* pause(paused, because)
      yield* aSecond
      const held = [yield* request(paused, "second"), yield* request(paused, "third")]
      const passing = yield* request(other)
      yield* Effect.repeat(aSecond, { times: 3 })
      assert.deepStrictEqual(yield* Effect.forEach([inFlight, passing, ...held], statusOf), [
        "SUCCESS",
        "SUCCESS",
        "PENDING",
        "PENDING"
      ])
      assert.strictEqual(yield* redis.length(`{${queue}}:parked:${paused}`), 2)
      yield* resume(paused)
      yield* aSecond
      assert.deepStrictEqual(yield* Effect.forEach(held, statusOf), ["SUCCESS", "SUCCESS"])
    }).pipe(withWorker())
  )

  it.effect("of an account hold jobs that another worker has parked", () =>
    Effect.gen(function* () {
      const aws = yield* AwsIamControl
      aws.obstruct({ when: "before", effect: Effect.sleep("5 seconds") })
      const ids = [yield* request(paused, "first"), yield* request(paused, "second")]
      yield* aWorker
      yield* aSecond
      yield* pause(paused, because)
      yield* aSecond
      const two = yield* Effect.forkChild(Effect.provide(consume, anotherWorker("worker-2")))
      yield* aSecond
      assert.deepStrictEqual(yield* Effect.forEach(ids, statusOf), ["IN_PROGRESS", "PENDING"])
      yield* resume(paused)
      yield* aSecond
      assert.deepStrictEqual(yield* Effect.forEach(ids, statusOf), ["IN_PROGRESS", "SUCCESS"])
      yield* Fiber.interrupt(two)
    }).pipe(withWorker({ accountConcurrency: 1 }))
  )

  it.effect("of an account stop all jobs where none can be parked", () =>
    Effect.gen(function* () {
      const jobs = yield* JobQueue
      let looks = 0
      const noParking = Layer.succeed(JobQueue, {
        ...jobs,
        canPark: Effect.succeed(false),
        parkedAccounts: Effect.sync(() => [`${++looks}`])
      })
      yield* pause(paused, because)
      const ids = [yield* request(paused), yield* request(other)]
      const worker = yield* Effect.forkChild(Effect.provide(consume, noParking))
      yield* aSecond
      assert.deepStrictEqual(yield* Effect.forEach(ids, statusOf), ["PENDING", "PENDING"])
      yield* resume(paused)
      yield* aSecond
      assert.deepStrictEqual(yield* Effect.forEach(ids, statusOf), ["SUCCESS", "SUCCESS"])
      assert.strictEqual(looks, 0)
      yield* Fiber.interrupt(worker)
    }).pipe(withWorker())
  )

  it.effect("hold while Redis does not answer", () =>
    Effect.gen(function* () {
      const [pauses, status] = [yield* Pauses, yield* WorkerStatus]
      let isAway = false
      const flaky = Layer.succeed(Pauses, {
        ...pauses,
        all: Effect.suspend(() => (isAway ? Effect.fail(away) : pauses.all))
      })
      yield* pause("all", because)
      const worker = yield* Effect.forkChild(Effect.provide(consume, flaky))
      yield* aSecond
      isAway = true
      yield* Effect.repeat(aSecond, { times: 5 })
      assert.isTrue((yield* Ref.get(status.paused)).all)
      yield* Fiber.interrupt(worker)
    }).pipe(withWorker())
  )

  it.effect("are waited for when Redis is busy as the worker starts", () =>
    Effect.gen(function* () {
      const pauses = yield* Pauses
      let busy = true
      const flaky = Layer.succeed(Pauses, {
        ...pauses,
        all: Effect.suspend(() =>
          busy
            ? Effect.fail(new RedisError({ command: "ZRANGEBYSCORE", reason: "Rejected", message: "BUSY" }))
            : pauses.all
        )
      })
      yield* pause("all", because)
      const id = yield* request(other)
      const worker = yield* Effect.forkChild(Effect.provide(consume, flaky))
      yield* aSecond
      busy = false
      yield* aSecond
      assert.strictEqual(yield* statusOf(id), "PENDING")
      yield* resume("all")
      yield* aSecond
      assert.strictEqual(yield* statusOf(id), "SUCCESS")
      yield* Fiber.interrupt(worker)
    }).pipe(withWorker())
  )

  it.effect("cannot be where the ACL does not let the worker look, which takes jobs all the same", () =>
    Effect.gen(function* () {
      const pauses = yield* Pauses
      const id = yield* request(other)
      const worker = yield* Effect.forkChild(
        Effect.provide(consume, Layer.succeed(Pauses, { ...pauses, all: Effect.fail(denied) }))
      )
      yield* aSecond
      assert.strictEqual(yield* statusOf(id), "SUCCESS")
      yield* Fiber.interrupt(worker)
    }).pipe(withWorker())
  )
})

describe("who watches pauses", () => {
  /** What the log says, each line after the account that it is about. */
  const logged = (canPark: boolean) =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const log = Logger.make(({ fiber, message }) => {
        const { account_id = "-" } = fiber.getRef(References.CurrentLogAnnotations)
        lines.push([account_id, message].join(": "))
      })
      yield* watchPauses(Effect.succeed(canPark)).pipe(Effect.provide(Logger.layer([log])))
      return () => lines.splice(0)
    })
  const gauges = Effect.map(
    Effect.all([Metric.value(metrics.paused), Metric.value(metrics.accountsPaused)]),
    (states) => states.map(({ value }) => value)
  )

  it.effect("tells each and its end once", () =>
    Effect.gen(function* () {
      const lines = yield* logged(true)
      yield* pause(paused, because)
      yield* aSecond
      assert.deepStrictEqual([lines(), yield* gauges], [[`${paused}: paused by ann: OPS-1`], [0, 1]])
      yield* pause(other, because)
      yield* pause("all", because)
      yield* aSecond
      assert.deepStrictEqual(
        [lines(), yield* gauges],
        [
          [`${other}: paused by ann: OPS-1`, "-: paused by ann: OPS-1"],
          [1, 2]
        ]
      )
      yield* resume("all")
      yield* resume(paused)
      yield* aSecond
      assert.deepStrictEqual(
        [lines(), yield* gauges],
        [
          [`${paused}: resumed`, "-: resumed: taking jobs again"],
          [0, 1]
        ]
      )
    }).pipe(withWorker())
  )

  it.effect("tells that the pause of an account stops all where none can be parked", () =>
    Effect.gen(function* () {
      const lines = yield* logged(false)
      yield* pause(paused, because)
      yield* aSecond
      assert.deepStrictEqual(lines(), [
        `${paused}: paused by ann: OPS-1`,
        "-: no more jobs are taken: jobs of one account cannot be parked here"
      ])
      yield* resume(paused)
      yield* aSecond
      assert.deepStrictEqual(lines(), [`${paused}: resumed`, "-: resumed: taking jobs again"])
    }).pipe(withWorker())
  )

  it.effect("does not look in the mode brpop, and says so", () =>
    Effect.gen(function* () {
      const pauses = yield* Pauses
      yield* pause("all", because)
      const looking = Layer.succeed(Pauses, { ...pauses, all: Effect.die(new Error("looked")) })
      const lines = yield* Effect.provide(logged(true), looking)
      assert.deepStrictEqual(lines(), ["-: the commands pause and resume have no power over this worker"])
      assert.isFalse((yield* Ref.get((yield* WorkerStatus).paused)).all)
    }).pipe(Effect.provide(testRedisConfig({ fetchMode: "brpop" })), withWorker())
  )
})

describe("the overview of pauses", () => {
  const scopes = Effect.map(pausesInForce, (pauses) => pauses.map(({ scope }) => scope))
  const failing = (error: RedisError) =>
    Effect.map(Pauses, (pauses) => Layer.succeed(Pauses, { ...pauses, all: Effect.fail(error) }))

  it.effect("has those that workers keep to", () =>
    Effect.gen(function* () {
      yield* pause("all", because)
      assert.deepStrictEqual(yield* scopes, ["all"])
      assert.deepStrictEqual(yield* Effect.provide(scopes, testRedisConfig({ fetchMode: "brpop" })), [])
      assert.deepStrictEqual(yield* Effect.provide(scopes, yield* failing(denied)), [])
      assert.deepStrictEqual(yield* Effect.flip(Effect.provide(scopes, yield* failing(away))), away)
    }).pipe(withWorker())
  )
})
