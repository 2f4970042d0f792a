import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Metric, Option } from "effect"
import { TestClock } from "effect/testing"
import { Throttling } from "../../src/domain/AwsError.ts"
import * as metrics from "../../src/domain/metrics.ts"
import { AwsIamControl } from "../../src/layers/memory/AwsIamMemory.ts"
import { consume } from "../../src/programs/consume.ts"
import { JobQueue } from "../../src/services/JobQueue.ts"
import { JobStore } from "../../src/services/JobStore.ts"
import { Redis } from "../../src/services/Redis.ts"
import { aJob, anotherWorker, bytes, deadLetters, queue, withWorker } from "../fixture.ts"

const busy = "111111111111"
const quiet = "222222222222"
const parkedKey = `{${queue}}:parked:${busy}`

/** Requests of an account, as an API makes them. */
const requests = Effect.fnUntraced(function* (account_id: string, count: number) {
  const [jobs, store] = [yield* JobQueue, yield* JobStore]
  return yield* Effect.forEach(Array.from({ length: count }), (_, number) => {
    const job = aJob({ account_id, principal: `user-${number}` })
    return Effect.as(Effect.andThen(store.submit(job), jobs.submit(bytes(job))), job.correlation_id)
  })
})

const statuses = (ids: ReadonlyArray<string>) =>
  Effect.flatMap(JobStore, (store) =>
    Effect.forEach(ids, (id) => Effect.map(store.find(id), (it) => Option.getOrThrow(it).status))
  )
const count = (all: ReadonlyArray<string>, status: string) => all.filter((it) => it === status).length

/** Lets the worker do all that it can do without waiting, and then for a second. */
const settle = Effect.andThen(TestClock.adjust("100 millis"), Effect.yieldNow).pipe(Effect.repeat({ times: 10 }))

/** Calls to AWS hang until they are let go. */
const hold = Effect.gen(function* () {
  const aws = yield* AwsIamControl
  const letGo = yield* Deferred.make<void>()
  for (let number = 0; number < 100; number++) aws.obstruct({ when: "before", effect: Deferred.await(letGo) })
  return Deferred.succeed(letGo, undefined)
})

describe("fair shares", () => {
  it.effect(
    "an account has no more jobs in flight than its share; what is over is parked, in its order, and lets others pass",
    () =>
      Effect.gen(function* () {
        const redis = yield* Redis
        const letGo = yield* hold
        const first = yield* requests(busy, 6)
        const other = yield* requests(quiet, 1)
        const worker = yield* Effect.forkChild(consume)
        yield* settle
        assert.deepStrictEqual([count(yield* statuses(first), "IN_PROGRESS"), yield* redis.length(parkedKey)], [2, 4])
        assert.deepStrictEqual(yield* statuses(other), ["IN_PROGRESS"])
        assert.deepStrictEqual(yield* redis.someOf(`{${queue}}:parked`, 10), [busy])
        const [oldest] = yield* redis.list(parkedKey, 1)
        assert.include(Buffer.from(oldest ?? []).toString(), first[2] ?? "none")
        assert.strictEqual((yield* Metric.value(metrics.jobsInFlight)).value, 3)

        yield* letGo
        yield* settle
        assert.strictEqual((yield* Metric.value(metrics.jobsInFlight)).value, 0)
        assert.strictEqual(count(yield* statuses([...first, ...other]), "SUCCESS"), 7)
        assert.deepStrictEqual(yield* redis.someOf(`{${queue}}:parked`, 10), [])
        yield* Fiber.interrupt(worker)
      }).pipe(withWorker({ concurrency: 4, accountConcurrency: 2 }))
  )

  it.effect("what one worker parked, another one with places for it takes", () =>
    Effect.gen(function* () {
      const redis = yield* Redis
      const letGo = yield* hold
      const ids = yield* requests(busy, 5)
      const one = yield* Effect.forkChild(consume)
      yield* settle
      assert.strictEqual(yield* redis.length(parkedKey), 3)
      const two = yield* Effect.forkChild(
        Effect.provide(consume, anotherWorker("worker-2", { concurrency: 4, accountConcurrency: 2 }))
      )
      yield* settle
      assert.strictEqual(yield* redis.length(parkedKey), 1)
      assert.strictEqual(count(yield* statuses(ids), "IN_PROGRESS"), 4)
      yield* letGo
      yield* settle
      assert.strictEqual(count(yield* statuses(ids), "SUCCESS"), 5)
      yield* Fiber.interruptAll([one, two])
    }).pipe(withWorker({ concurrency: 4, accountConcurrency: 2 }))
  )

  it.effect("an account keeps its places when others took the jobs that were parked for it", () =>
    Effect.gen(function* () {
      const redis = yield* Redis
      const letGo = yield* hold
      yield* requests(busy, 2)
      const worker = yield* Effect.forkChild(consume)
      yield* settle
      yield* redis.delete(parkedKey)
      yield* letGo
      yield* settle
      const later = yield* requests(busy, 1)
      yield* settle
      assert.deepStrictEqual(yield* statuses(later), ["SUCCESS"])
      yield* Fiber.interrupt(worker)
    }).pipe(withWorker({ concurrency: 4, accountConcurrency: 1 }))
  )

  it.effect("an account is found in payloads with spaces, and what names none has no share", () =>
    Effect.gen(function* () {
      const [jobs, redis, store] = [yield* JobQueue, yield* Redis, yield* JobStore]
      const letGo = yield* hold
      yield* requests(busy, 1)
      const job = aJob({ account_id: busy })
      yield* store.submit(job)
      yield* jobs.submit(bytes(JSON.stringify(job).replaceAll('":"', '" : "')))
      for (let number = 0; number < 3; number++) yield* jobs.submit(bytes(`no job ${number}`))
      const worker = yield* Effect.forkChild(consume)
      yield* settle
      assert.deepStrictEqual([yield* redis.length(parkedKey), yield* redis.length(deadLetters)], [1, 3])
      yield* letGo
      yield* settle
      yield* Fiber.interrupt(worker)
    }).pipe(withWorker({ concurrency: 4, accountConcurrency: 1 }))
  )

  it.effect("parked jobs have their turn while the queue is never empty", () =>
    Effect.gen(function* () {
      const aws = yield* AwsIamControl
      for (let number = 0; number < 200; number++) aws.obstruct({ when: "before", effect: Effect.sleep("100 millis") })
      const parked = yield* requests(busy, 4)
      yield* Effect.forEach(Array.from({ length: 90 }), (_, number) => requests(`${300_000_000_000 + number}`, 1))
      const worker = yield* Effect.forkChild(consume)
      yield* settle
      assert.strictEqual(count(yield* statuses(parked), "SUCCESS"), 4)
      const stopping = yield* Effect.forkChild(Fiber.interrupt(worker))
      yield* settle
      yield* Fiber.join(stopping)
    }).pipe(withWorker({ concurrency: 2, accountConcurrency: 1 }))
  )

  it.effect("a worker that drains leaves parked jobs where they are", () =>
    Effect.gen(function* () {
      const redis = yield* Redis
      const letGo = yield* hold
      const ids = yield* requests(busy, 5)
      const worker = yield* Effect.forkChild(consume)
      yield* settle
      const stopping = yield* Effect.forkChild(Fiber.interrupt(worker))
      yield* Effect.repeat(Effect.yieldNow, { times: 10 })
      yield* letGo
      yield* settle
      yield* Fiber.join(stopping)
      assert.strictEqual(yield* redis.length(parkedKey), 3)
      assert.strictEqual(count(yield* statuses(ids), "SUCCESS"), 2)
      assert.strictEqual((yield* (yield* JobQueue).stats).depth, 3)
    }).pipe(withWorker({ concurrency: 4, accountConcurrency: 2 }))
  )

  it.effect("accounts whose parked jobs would fill all slots take turns with each other, and with the queue", () =>
    Effect.gen(function* () {
      const aws = yield* AwsIamControl
      for (let number = 0; number < 200; number++) aws.obstruct({ when: "before", effect: Effect.sleep("100 millis") })
      const accounts = ["111111111111", "333333333333", "444444444444"]
      const parked = yield* Effect.forEach(accounts, (account) => requests(account, 40))
      const worker = yield* Effect.forkChild(consume)
      yield* Effect.repeat(settle, { times: 2 })
      const other = yield* requests(quiet, 1)
      yield* settle
      assert.deepStrictEqual(yield* statuses(other), ["SUCCESS"])
      const done = yield* Effect.forEach(parked, (ids) => Effect.map(statuses(ids), (all) => count(all, "SUCCESS")))
      assert.isAtLeast(Math.min(...done), 5)
      assert.isBelow(Math.max(...done), 40)
      const stopping = yield* Effect.forkChild(Fiber.interrupt(worker))
      yield* settle
      yield* Fiber.join(stopping)
    }).pipe(withWorker({ concurrency: 2, accountConcurrency: 1 }))
  )

  it.effect("jobs parked for a throttled account do not hold up others, and come when its pace allows it", () =>
    Effect.gen(function* () {
      const aws = yield* AwsIamControl
      const throttling = new Throttling({ code: "Throttling", message: "", operation: "AttachUserPolicy" })
      for (let number = 0; number < 3; number++) aws.obstruct({ when: "before", effect: Effect.void })
      aws.obstruct({ when: "before", effect: Effect.fail(throttling) })
      const slow = yield* requests(busy, 12)
      const worker = yield* Effect.forkChild(consume)
      yield* settle
      const other = yield* requests(quiet, 8)
      yield* settle
      assert.strictEqual(count(yield* statuses(other), "SUCCESS"), 8)
      assert.isBelow(count(yield* statuses(slow), "SUCCESS"), 12)
      yield* Effect.repeat(settle, { times: 30 })
      assert.strictEqual(count(yield* statuses(slow), "SUCCESS"), 12)
      yield* Fiber.interrupt(worker)
    }).pipe(withWorker({ concurrency: 4, accountConcurrency: 2 }))
  )
})
