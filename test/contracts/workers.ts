import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Layer } from "effect"
import { JobQueueRedis } from "../../src/layers/queue/JobQueueRedis.ts"
import { WorkersRedis } from "../../src/layers/queue/WorkersRedis.ts"
import { JobQueue } from "../../src/services/JobQueue.ts"
import { Redis, RedisError } from "../../src/services/Redis.ts"
import { Workers } from "../../src/services/Workers.ts"
import { bytes, takeOne, testRedisConfig, testWorkerConfig } from "../fixture.ts"

const text = (payload: Uint8Array) => Buffer.from(payload).toString()

/** What every `Workers` does, over any `Redis`. Each test has a queue of its own. */
export const workersContract = (name: string, redis: Layer.Layer<Redis, unknown>) =>
  describe(`Workers: ${name}`, () => {
    const test = (title: string, body: (queue: string) => Effect.Effect<void, unknown, Redis>) =>
      it.live(title, () => body(`queue:${randomUUID()}`).pipe(Effect.provide(redis)))

    /** One boot of a worker: what it does with its queue and with the other workers. */
    const boot = (queue: string, workerId: string, fetchMode: "blmove" | "brpop" = "blmove") =>
      Effect.gen(function* () {
        return { jobs: yield* JobQueue, workers: yield* Workers }
      }).pipe(
        Effect.provide(
          Layer.mergeAll(Layer.fresh(JobQueueRedis), Layer.fresh(WorkersRedis)).pipe(
            Layer.provide(Layer.merge(testRedisConfig({ queue, fetchMode }), testWorkerConfig({ workerId })))
          )
        )
      )
    const fromNow = (millis: number) => Effect.map(Clock.currentTimeMillis, (now) => now + millis)
    const held = (queue: string, workerId: string) =>
      Effect.flatMap(Redis, (it) => it.length(`{${queue}}:processing:${workerId}`))
    const queued = (queue: string) => Effect.flatMap(Redis, (it) => Effect.map(it.list(queue), (all) => all.map(text)))

    test("finds what a worker holds once it is alive no more, and gives it back where it is taken next", (queue) =>
      Effect.gen(function* () {
        const lost = yield* boot(queue, "lost")
        const other = yield* boot(queue, "other")
        for (const payload of ["one", "two", "three", "waits"]) yield* lost.jobs.submit(bytes(payload))
        for (let taken = 0; taken < 3; taken++) yield* lost.jobs.take(1)
        yield* lost.workers.announce(yield* fromNow(60_000))
        assert.deepStrictEqual(yield* other.workers.leftovers, [])

        yield* lost.workers.announce(yield* fromNow(-1))
        const found = yield* other.workers.leftovers
        assert.deepStrictEqual(
          found.map(({ payloads, workerId }) => [workerId, payloads.map(text)]),
          [["lost", ["three", "two", "one"]]]
        )
        for (const payload of ["three", "two"]) yield* other.workers.reclaim("lost", bytes(payload))
        yield* other.workers.discard("lost", bytes("one"))
        assert.deepStrictEqual(yield* queued(queue), ["waits", "three", "two"])
        assert.strictEqual(yield* held(queue, "lost"), 0)

        // Empty, it is forgotten, but only after a while: it may only have been stopped.
        const store = yield* Redis
        assert.deepStrictEqual(yield* other.workers.leftovers, [])
        assert.strictEqual((yield* store.lowest(`{${queue}}:workers`, Number.POSITIVE_INFINITY, 10)).length, 1)
        yield* lost.workers.announce(yield* fromNow(-601_000))
        assert.deepStrictEqual(yield* other.workers.leftovers, [])
        assert.deepStrictEqual(yield* store.lowest(`{${queue}}:workers`, Number.POSITIVE_INFINITY, 10), [])
      }))

    test("sets aside what an earlier boot with the same id held, as a lost worker's, and only that", (queue) =>
      Effect.gen(function* () {
        const before = yield* boot(queue, "w-1")
        for (const payload of ["old", "twin", "twin"]) yield* before.jobs.submit(bytes(payload))
        for (let taken = 0; taken < 2; taken++) yield* before.jobs.take(1)
        const again = yield* boot(queue, "w-1")
        const other = yield* boot(queue, "w-2")
        yield* again.workers.setAside
        yield* again.jobs.take(1)
        const [found, ...more] = yield* other.workers.leftovers
        const { payloads = [], workerId = "" } = found ?? {}
        assert.deepStrictEqual([payloads.map(text), more], [["twin", "old"], []])
        for (const payload of payloads) yield* other.workers.reclaim(workerId, payload)
        assert.deepStrictEqual(yield* again.workers.leftovers, [])
        assert.deepStrictEqual([yield* held(queue, "w-1"), yield* queued(queue)], [1, ["twin", "old"]])
      }))

    test("finds a payload stranded by a lost answer, though an earlier boot held its twin", (queue) =>
      Effect.gen(function* () {
        const base = yield* Redis
        const before = yield* boot(queue, "w-1")
        yield* before.jobs.submit(bytes("twin"))
        yield* before.jobs.take(1)
        // The next take moves the payload, and its answer is lost.
        let lose = true
        const losing = Layer.succeed(Redis, {
          ...base,
          moveLastWait: (...args) =>
            Effect.tap(base.moveLastWait(...args), () => {
              if (!lose) return Effect.void
              lose = false
              return Effect.fail(new RedisError({ command: "BLMOVE", reason: "Unavailable", message: "lost" }))
            })
        })
        const again = yield* boot(queue, "w-1").pipe(Effect.provide(losing))
        yield* again.workers.setAside
        const [found] = yield* again.workers.leftovers
        yield* again.workers.reclaim(found?.workerId ?? "", bytes("twin"))
        yield* Effect.flip(again.jobs.take(1))
        assert.strictEqual(text((yield* takeOne(again.jobs)).payload), "twin")
      }))

    test("releases what is due, the first one first, and keeps the rest", (queue) =>
      Effect.gen(function* () {
        const { jobs, workers } = yield* boot(queue, "w-1")
        for (const [payload, millis] of [
          ["second", 0],
          ["never", 60_000],
          ["first", -50]
        ] as const) {
          yield* jobs.submit(bytes(payload))
          yield* jobs.delay(yield* takeOne(jobs), Duration.millis(Math.max(0, millis)))
          const store = yield* Redis
          yield* store.setScore(`{${queue}}:delayed`, bytes(payload), yield* fromNow(millis))
        }
        assert.strictEqual(yield* held(queue, "w-1"), 0)
        yield* jobs.submit(bytes("waits"))
        yield* workers.releaseDue
        assert.deepStrictEqual(yield* queued(queue), ["waits", "second", "first"])
        yield* workers.releaseDue
        assert.strictEqual((yield* queued(queue)).length, 3)
      }))

    test("retiring, brings back all that is delayed, and is not looked after any more unless it holds something", (queue) =>
      Effect.gen(function* () {
        const store = yield* Redis
        const { jobs, workers } = yield* boot(queue, "w-1")
        yield* workers.announce(yield* fromNow(60_000))
        for (const payload of ["delayed", "held"]) yield* jobs.submit(bytes(payload))
        yield* jobs.delay(yield* takeOne(jobs), Duration.minutes(1))
        const kept = yield* takeOne(jobs)
        const known = store.lowest(`{${queue}}:workers`, Number.POSITIVE_INFINITY, 10)
        yield* workers.retire
        assert.deepStrictEqual([yield* queued(queue), (yield* known).map(text)], [["delayed"], ["w-1"]])
        yield* jobs.giveBack(kept)
        yield* workers.retire
        assert.deepStrictEqual([yield* queued(queue), yield* known], [["delayed", "held"], []])
      }))

    test("knows all workers, how long they are alive, and how much they hold", (queue) =>
      Effect.gen(function* () {
        const one = yield* boot(queue, "w-1")
        const two = yield* boot(queue, "w-2")
        assert.deepStrictEqual(yield* one.workers.known, [])
        const [lost, alive] = [yield* fromNow(-1), yield* fromNow(60_000)]
        yield* two.workers.announce(lost)
        yield* one.workers.announce(alive)
        for (const payload of ["one", "two"]) {
          yield* two.jobs.submit(bytes(payload))
          yield* two.jobs.take(1)
        }
        assert.deepStrictEqual(yield* one.workers.known, [
          { workerId: "w-1", aliveUntil: alive, held: 0 },
          { workerId: "w-2", aliveUntil: lost, held: 2 }
        ])
      }))

    test("counts what is delayed", (queue) =>
      Effect.gen(function* () {
        const { jobs, workers } = yield* boot(queue, "w-1")
        assert.strictEqual(yield* workers.delayed, 0)
        for (const payload of ["one", "two"]) {
          yield* jobs.submit(bytes(payload))
          yield* jobs.delay(yield* takeOne(jobs), Duration.minutes(1))
        }
        assert.strictEqual(yield* workers.delayed, 2)
      }))

    test("tells what will be taken next and what all workers hold", (queue) =>
      Effect.gen(function* () {
        const one = yield* boot(queue, "w-1")
        const two = yield* boot(queue, "w-2")
        assert.deepStrictEqual(yield* one.workers.oldest, [])
        for (let number = 1; number <= 1_003; number++) yield* one.jobs.submit(bytes(`job ${number}`))
        yield* two.workers.announce(yield* fromNow(60_000))
        yield* two.jobs.take(1)
        const oldest = (yield* one.workers.oldest)?.map(text) ?? []
        assert.strictEqual(oldest.length, 1_001)
        assert.includeMembers(oldest, ["job 1", "job 2", "job 1001"])
      }))

    test("tells what has waited longest for each account", (queue) =>
      Effect.gen(function* () {
        const { jobs, workers } = yield* boot(queue, "w-1")
        for (const payload of ["older", "younger", "other"]) {
          yield* jobs.submit(bytes(payload))
          yield* jobs.park([yield* takeOne(jobs)], payload === "other" ? "222222222222" : "111111111111")
        }
        assert.includeMembers((yield* workers.oldest)?.map(text) ?? [], ["older", "other"])
      }))

    test("tells what is delayed and overdue, which waits like what is queued", (queue) =>
      Effect.gen(function* () {
        const { workers } = yield* boot(queue, "w-1")
        const store = yield* Redis
        yield* store.setScore(`{${queue}}:delayed`, bytes("overdue"), yield* fromNow(-2_000))
        yield* store.setScore(`{${queue}}:delayed`, bytes("due soon"), yield* fromNow(60_000))
        assert.deepStrictEqual((yield* workers.oldest)?.map(text), ["overdue"])
      }))

    test("in the mode brpop leaves nothing behind, and touches nothing but the list", (queue) =>
      Effect.gen(function* () {
        const { jobs, workers } = yield* boot(queue, "w-1", "brpop")
        yield* workers.announce(yield* fromNow(-1))
        yield* jobs.submit(bytes("one"))
        yield* jobs.delay(yield* takeOne(jobs), Duration.millis(1))
        yield* workers.releaseDue
        assert.deepStrictEqual(yield* queued(queue), ["one"])
        yield* jobs.submit(bytes("two"))
        assert.deepStrictEqual([yield* workers.leftovers, (yield* workers.oldest)?.map(text)], [[], ["one"]])
        assert.deepStrictEqual([yield* workers.known, yield* workers.delayed], [[], 0])
        yield* workers.retire
        const store = yield* Redis
        assert.deepStrictEqual(yield* store.lowest(`{${queue}}:workers`, Number.POSITIVE_INFINITY, 10), [])
      }))
  })
