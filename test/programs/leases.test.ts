import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { Timeout } from "../../src/domain/AwsError.ts"
import { LeasesLive } from "../../src/layers/LeasesLive.ts"
import { AwsIamControl } from "../../src/layers/memory/AwsIamMemory.ts"
import { processJob } from "../../src/programs/processJob.ts"
import { stayAlive } from "../../src/programs/loops/stayAlive.ts"
import { JobQueue } from "../../src/services/JobQueue.ts"
import { JobStore } from "../../src/services/JobStore.ts"
import { Leases } from "../../src/services/Leases.ts"
import { Redis, RedisError } from "../../src/services/Redis.ts"
import { Workers } from "../../src/services/Workers.ts"
import { aClaim, aJob, bytes, databaseAway, processing, queue, waiting, withWorker } from "../fixture.ts"

const request = Effect.fnUntraced(function* () {
  const job = aJob({ principal: randomUUID() })
  yield* (yield* JobStore).submit(job)
  yield* (yield* JobQueue).submit(bytes(job))
  return job
})
const deliver = Effect.flatMap(JobQueue, (jobs) => Effect.flatMap(jobs.take(1), Effect.forEach(processJob)))
const recordOf = (id: string) => Effect.flatMap(JobStore, (store) => Effect.map(store.find(id), Option.getOrThrow))
const logsOf = (id: string) => Effect.map(recordOf(id), ({ audit }) => audit.map(({ log }) => log))
const lost = new Timeout({ code: "ECONNRESET", message: "", operation: "AttachUserPolicy" })
/** The first call waits, and then its answer is lost: another one would follow. */
const obstruct = (time: Duration.Input) =>
  Effect.map(AwsIamControl, (aws) =>
    aws.obstruct({ when: "before", effect: Effect.andThen(Effect.sleep(time), Effect.fail(lost)) })
  )
const writes = Effect.map(AwsIamControl, (aws) => aws.calls().filter((it) => it === "AttachUserPolicy").length)

describe("a heartbeat", () => {
  /** `Workers`, where each announcement first takes its time, and notes until when the worker is to be alive. */
  const announcing = (...delays: ReadonlyArray<Duration.Input>) =>
    Effect.map(Workers, (workers) => {
      const told: Array<number> = []
      const announce = (aliveUntil: number) =>
        Effect.suspend(() =>
          Effect.delay(
            Effect.sync(() => void told.push(aliveUntil)),
            delays[told.length] ?? 0
          )
        )
      return { told, layer: Layer.succeed(Workers, { ...workers, announce }) }
    })

  it.effect("tells others that the worker lives for a lease from now", () =>
    Effect.gen(function* () {
      const { layer, told } = yield* announcing()
      yield* TestClock.adjust("10 seconds")
      yield* Effect.provide(stayAlive, layer)
      assert.deepStrictEqual(told, [70_000])
    }).pipe(withWorker())
  )

  it.effect("tells it anew when that took half of a lease, and not before", () =>
    Effect.gen(function* () {
      const { layer, told } = yield* announcing("30 seconds", "29999 millis")
      const beating = yield* Effect.forkChild(Effect.provide(stayAlive, layer))
      yield* TestClock.adjust("2 minutes")
      yield* Fiber.join(beating)
      assert.deepStrictEqual(told, [60_000, 90_000])
    }).pipe(withWorker())
  )

  it.effect("does each of its two parts, whatever becomes of the other, and fails if one does", () =>
    Effect.gen(function* () {
      const [leases, workers] = [yield* Leases, yield* Workers]
      const { layer, told } = yield* announcing()
      const noRenewal = Layer.succeed(Leases, { ...leases, renew: Effect.fail(databaseAway) })
      assert.deepStrictEqual(yield* Effect.flip(Effect.provide(stayAlive, Layer.merge(noRenewal, layer))), databaseAway)
      assert.strictEqual(told.length, 1)
      const away = new RedisError({ command: "ZADD", reason: "Unavailable", message: "away" })
      const unheard = Layer.succeed(Workers, { ...workers, announce: () => Effect.fail(away) })
      let renewals = 0
      const renewal = Layer.succeed(Leases, { ...leases, renew: Effect.sync(() => void renewals++) })
      assert.deepStrictEqual(yield* Effect.flip(Effect.provide(stayAlive, Layer.merge(renewal, unheard))), away)
      assert.strictEqual(renewals, 1)
    }).pipe(withWorker())
  )
})

describe("a lease", () => {
  it.effect("that ran out forbids another call to AWS, and the job waits for whoever has it next", () =>
    Effect.gen(function* () {
      const redis = yield* Redis
      yield* obstruct("70 seconds")
      const { correlation_id: id } = yield* request()
      const working = yield* Effect.forkChild(deliver)
      yield* TestClock.adjust("2 minutes")
      yield* Fiber.join(working)
      assert.strictEqual(yield* writes, 1)
      assert.match((yield* logsOf(id)).at(-1) ?? "", /^Given back, not counted as a delivery: /)
      assert.deepStrictEqual([yield* redis.length(queue), yield* redis.length(processing)], [0, 0])
      assert.strictEqual((yield* redis.lowest("{queue:aws}:delayed", Number.POSITIVE_INFINITY, 9)).length, 1)
    }).pipe(withWorker())
  )

  it.effect("that is renewed lets the work go on for as long as it takes", () =>
    Effect.gen(function* () {
      yield* obstruct("10 minutes")
      const { correlation_id: id } = yield* request()
      const working = yield* Effect.forkChild(deliver)
      for (let beat = 0; beat < 45; beat++) {
        yield* TestClock.adjust("15 seconds")
        yield* stayAlive
      }
      yield* Fiber.join(working)
      assert.strictEqual((yield* recordOf(id)).status, "SUCCESS")
      assert.strictEqual(yield* writes, 2)
    }).pipe(withWorker())
  )

  it.effect("that PostgreSQL says is lost forbids the next call at once", () =>
    Effect.gen(function* () {
      yield* obstruct("20 seconds")
      const { correlation_id: id } = yield* request()
      const working = yield* Effect.forkChild(deliver)
      yield* TestClock.adjust("10 seconds")
      yield* (yield* JobStore).recover(Duration.millis(-1), 3)
      yield* stayAlive
      const before = yield* logsOf(id)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(working)
      assert.strictEqual(yield* writes, 1)
      assert.deepStrictEqual(yield* logsOf(id), before)
    }).pipe(withWorker())
  )

  it.effect("is not renewed by a heartbeat that fails", () =>
    Effect.gen(function* () {
      const store = yield* JobStore
      const claim = aClaim()
      const outcome = yield* Effect.gen(function* () {
        const leases = yield* Leases
        const work = Effect.gen(function* () {
          yield* leases.allow(claim)
          yield* TestClock.adjust("35 seconds")
          assert.strictEqual((yield* Effect.flip(leases.renew))._tag, "SqlError")
          yield* leases.allow(claim)
          // A call that began now might end after the lease.
          yield* TestClock.adjust("6 seconds")
          return yield* Effect.flip(leases.allow(claim))
        })
        return yield* leases.during(claim, 0, work)
      }).pipe(
        Effect.provide(Layer.fresh(LeasesLive)),
        Effect.provideService(JobStore, { ...store, heartbeat: () => Effect.fail(databaseAway) })
      )
      assert.strictEqual(outcome.code, "LeaseOver")
    }).pipe(withWorker())
  )

  it.effect("counts from before the claim, however long that took", () =>
    Effect.gen(function* () {
      const leases = yield* Leases
      yield* TestClock.adjust("55 seconds")
      const claim = aClaim()
      assert.strictEqual((yield* Effect.flip(leases.during(claim, 0, leases.allow(claim)))).code, "LeaseOver")
      yield* leases.during(claim, 30_000, leases.allow(claim))
    }).pipe(withWorker())
  )
})

describe("a job that has lost two workers", () => {
  it.effect("is worked on alone among its kind, and beside all others", () =>
    Effect.gen(function* () {
      const leases = yield* Leases
      const [first, second] = [aClaim({ token: 1n, losses: 2 }), aClaim({ token: 2n, losses: 2 })]
      const sound = aClaim({ token: 3n, losses: 1 })
      const done = yield* Deferred.make<void>()
      const working = yield* Effect.forkChild(
        leases.during(first, 0, Effect.andThen(leases.allow(first), Deferred.await(done)))
      )
      yield* Effect.yieldNow
      yield* leases.during(sound, 0, leases.allow(sound))
      assert.strictEqual((yield* Effect.flip(leases.during(second, 0, leases.allow(second)))).code, "OneAtATime")
      yield* Deferred.succeed(done, undefined)
      yield* Fiber.join(working)
      yield* leases.during(second, 0, leases.allow(second))
    }).pipe(withWorker())
  )

  it.effect("has its attachments read before AWS is called again", () =>
    Effect.gen(function* () {
      const store = yield* JobStore
      const aws = yield* AwsIamControl
      const job = yield* request()
      yield* store.claim(job, { workerId: "lost", take: "1" }, waiting)
      yield* store.recover(Duration.millis(-1), 3)
      yield* deliver
      assert.deepStrictEqual(aws.calls(), ["ListAttachedUserPolicies", "AttachUserPolicy"])
      assert.strictEqual((yield* recordOf(job.correlation_id)).status, "SUCCESS")
    }).pipe(withWorker())
  )
})
