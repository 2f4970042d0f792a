import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Option, Schema } from "effect"
import { JobQueueRedis } from "../../src/layers/queue/JobQueueRedis.ts"
import { type Delivery, JobQueue } from "../../src/services/JobQueue.ts"
import { Redis, RedisError } from "../../src/services/Redis.ts"
import { bytes, takeOne as takeOneFrom, testRedisConfig, testWorkerConfig } from "../fixture.ts"

const decodeLetter = Schema.decodeEffect(
  Schema.fromJsonString(
    Schema.Struct({
      payload: Schema.optionalKey(Schema.String),
      payload_base64: Schema.optionalKey(Schema.String),
      reason: Schema.String,
      message: Schema.String,
      correlation_id: Schema.NullOr(Schema.String),
      worker_id: Schema.String,
      failed_at: Schema.String
    })
  )
)

const someone = "6f1f3bd0-9f0e-4a5e-8f52-0e9d7f3f2a11"

/** What every `JobQueue` does, over any `Redis`, in both fetch modes. Each test has a queue of its own. */
export const jobQueueContract = (name: string, redis: Layer.Layer<Redis, unknown>) =>
  describe.each(["blmove", "brpop"] as const)(`JobQueue: ${name}, %s`, (fetchMode) => {
    interface Keys {
      readonly queue: string
      readonly processing: string
      readonly dead: string
    }
    /** The queue over this Redis. */
    const over = (store: Layer.Layer<Redis, unknown>, queue: string) =>
      Layer.fresh(JobQueueRedis).pipe(
        Layer.provideMerge(store),
        Layer.provide(Layer.merge(testRedisConfig({ queue, fetchMode }), testWorkerConfig({ workerId: "w-1" })))
      )
    const test = (title: string, body: (keys: Keys) => Effect.Effect<void, unknown, JobQueue | Redis>) =>
      it.live(title, () => {
        const queue = `queue:${randomUUID()}`
        const keys = { queue, processing: `{${queue}}:processing:w-1`, dead: `${queue}_error` }
        return body(keys).pipe(Effect.provide(over(redis, queue)))
      })

    const takeOne = Effect.flatMap(JobQueue, takeOneFrom)
    const lengths = (keys: Keys) =>
      Effect.gen(function* () {
        const store = yield* Redis
        return yield* Effect.all([store.length(keys.queue), store.length(keys.processing), store.length(keys.dead)])
      })
    const held = fetchMode === "blmove" ? 1 : 0

    test("takes in the order of submission, and holds what it took", (keys) =>
      Effect.gen(function* () {
        const jobs = yield* JobQueue
        yield* jobs.submit(bytes("one"))
        yield* jobs.submit(bytes("two"))
        const first = yield* takeOne
        assert.strictEqual(Buffer.from(first.payload).toString(), "one")
        assert.deepStrictEqual(yield* lengths(keys), [1, held, 0])
        const second = yield* takeOne
        assert.strictEqual(Buffer.from(second.payload).toString(), "two")
        assert.notStrictEqual(first.take, second.take)
        yield* jobs.remove(first)
        yield* jobs.remove(second)
        assert.deepStrictEqual(yield* lengths(keys), [0, 0, 0])
      }))

    test("removes no twin of a payload, however often it is told to remove one", (keys) =>
      Effect.gen(function* () {
        const jobs = yield* JobQueue
        yield* jobs.submit(bytes("twin"))
        yield* jobs.submit(bytes("twin"))
        const [first, second] = [yield* takeOne, yield* takeOne]
        yield* Effect.andThen(jobs.remove(first), jobs.remove(first))
        assert.deepStrictEqual(yield* lengths(keys), [0, held, 0])
        yield* jobs.finish(second, randomUUID())
        assert.deepStrictEqual(yield* lengths(keys), [0, 0, 0])
      }))

    test("removes one of equal payloads while another one is on its way out", (keys) =>
      Effect.gen(function* () {
        const base = yield* Redis
        const removed = yield* Deferred.make<void>()
        const goOn = yield* Deferred.make<void>()
        let removals = 0
        const slow: Redis["Service"] = {
          ...base,
          removeFirst: (...args) =>
            base
              .removeFirst(...args)
              .pipe(
                Effect.andThen(
                  ++removals === 1
                    ? Effect.andThen(Deferred.succeed(removed, undefined), Deferred.await(goOn))
                    : Effect.void
                )
              )
        }
        yield* Effect.gen(function* () {
          const jobs = yield* JobQueue
          yield* jobs.submit(bytes("twin"))
          yield* jobs.submit(bytes("twin"))
          const [first, second] = [yield* takeOne, yield* takeOne]
          const going = yield* Effect.forkChild(jobs.remove(first))
          if (fetchMode === "blmove") yield* Deferred.await(removed)
          yield* jobs.remove(second)
          yield* Deferred.succeed(goOn, undefined)
          yield* Fiber.join(going)
          assert.deepStrictEqual(yield* lengths(keys), [0, 0, 0])
        }).pipe(Effect.provide(over(Layer.succeed(Redis, slow), keys.queue)))
      }))

    test("takes nothing from an empty list", () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* (yield* JobQueue).take(8), [])
      }))

    test("takes all that wait and no more than it may, in their order, each for a delivery of its own", (keys) =>
      Effect.gen(function* () {
        const jobs = yield* JobQueue
        const all = ["a", "b", "c", "d", "e", "f", "g"]
        for (const name of all) yield* jobs.submit(bytes(name))
        const taken: Array<Delivery> = []
        while (taken.length < 6) {
          const more = yield* jobs.take(6 - taken.length)
          assert.isAtLeast(more.length, 1)
          taken.push(...more)
        }
        assert.deepStrictEqual(
          taken.map(({ payload }) => Buffer.from(payload).toString()),
          all.slice(0, 6)
        )
        assert.strictEqual(new Set(taken.map(({ take }) => take)).size, 6)
        assert.deepStrictEqual(yield* lengths(keys), [1, held === 0 ? 0 : 6, 0])
        yield* Effect.forEach(taken, jobs.remove)
        assert.deepStrictEqual(yield* lengths(keys), [1, 0, 0])
      }))

    test("takes a job that comes while it waits", () =>
      Effect.gen(function* () {
        const jobs = yield* JobQueue
        const waiting = yield* Effect.forkChild(takeOne)
        yield* Effect.yieldNow
        yield* jobs.submit(bytes("late"))
        yield* jobs.remove(yield* Fiber.join(waiting))
      }))

    test("requeues behind all that wait, byte for byte", (keys) =>
      Effect.gen(function* () {
        const jobs = yield* JobQueue
        const payload = bytes('{ "spaces" :  "kept", "unknown": [1, 2] }')
        yield* jobs.submit(payload)
        const delivery = yield* takeOne
        yield* jobs.submit(bytes("waits"))
        yield* jobs.requeue(delivery)
        assert.deepStrictEqual(yield* lengths(keys), [2, 0, 0])
        assert.strictEqual(Buffer.from((yield* takeOne).payload).toString(), "waits")
        assert.deepStrictEqual([...(yield* takeOne).payload], [...payload])
      }))

    test("parks for an account, behind those that wait there, and takes the one that has waited longest", (keys) =>
      Effect.gen(function* () {
        const jobs = yield* JobQueue
        assert.strictEqual(yield* jobs.canPark, fetchMode === "blmove")
        if (fetchMode === "brpop") return
        const account = "111111111111"
        for (const name of ["a", "b"]) {
          yield* jobs.submit(bytes(name))
          yield* jobs.park([yield* takeOne], account)
        }
        assert.deepStrictEqual(yield* lengths(keys), [0, 0, 0])
        assert.deepStrictEqual(yield* jobs.parkedAccounts, [account])
        const { depth, parked } = yield* jobs.stats
        assert.deepStrictEqual([depth, parked], [2, [{ accountId: account, count: 2 }]])
        const taken = [yield* jobs.takeParked(account), yield* jobs.takeParked(account)]
        assert.deepStrictEqual(
          taken.map((it) => Buffer.from(Option.getOrThrow(it).payload).toString()),
          ["a", "b"]
        )
        assert.deepStrictEqual(yield* lengths(keys), [0, held * 2, 0])
        assert.deepStrictEqual(yield* jobs.takeParked(account), Option.none())
        assert.deepStrictEqual(yield* jobs.parkedAccounts, [])
        yield* Effect.forEach(taken, (it) => jobs.finish(Option.getOrThrow(it), randomUUID()))
        assert.deepStrictEqual(yield* lengths(keys), [0, 0, 0])
      }))

    test("gives back to the right end, where it is taken next", (keys) =>
      Effect.gen(function* () {
        const jobs = yield* JobQueue
        yield* jobs.submit(bytes("mine"))
        const delivery = yield* takeOne
        yield* jobs.submit(bytes("waits"))
        yield* jobs.giveBack(delivery)
        assert.deepStrictEqual(yield* lengths(keys), [2, 0, 0])
        assert.strictEqual(Buffer.from((yield* takeOne).payload).toString(), "mine")
      }))

    const letterOf = (keys: Keys) =>
      Effect.gen(function* () {
        const letter = yield* (yield* Redis).last(keys.dead)
        return yield* decodeLetter(Buffer.from(Option.getOrThrow(letter)).toString())
      })

    test("buries a payload with the reason", (keys) =>
      Effect.gen(function* () {
        const jobs = yield* JobQueue
        yield* jobs.submit(bytes('{"é": 1}\n'))
        const delivery = yield* takeOne
        yield* jobs.deadLetter(delivery.payload, {
          reason: "UnknownJob",
          message: "why",
          correlationId: Option.some(someone)
        })
        // A copy: the payload itself is removed by a step of its own, so that neither is done twice.
        assert.deepStrictEqual(yield* lengths(keys), [0, held, 1])
        const { failed_at, ...letter } = yield* letterOf(keys)
        assert.deepStrictEqual(letter, {
          payload: '{"é": 1}\n',
          reason: "UnknownJob",
          message: "why",
          correlation_id: someone,
          worker_id: "w-1"
        })
        assert.match(failed_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
      }))

    test("buries bytes that are no text as base64, the newest first", (keys) =>
      Effect.gen(function* () {
        const jobs = yield* JobQueue
        const payload = Uint8Array.from([0x7b, 0xff, 0x00, 0x7d])
        yield* jobs.submit(payload)
        const letter = { reason: "InvalidPayload", message: "not UTF-8", correlationId: Option.none() } as const
        yield* jobs.deadLetter((yield* takeOne).payload, letter)
        const written = yield* letterOf(keys)
        assert.notProperty(written, "payload")
        assert.deepStrictEqual([...Buffer.from(written.payload_base64 ?? "", "base64")], [...payload])
        assert.isNull(written.correlation_id)
        yield* jobs.submit(bytes("newer"))
        yield* jobs.deadLetter((yield* takeOne).payload, letter)
        assert.strictEqual((yield* letterOf(keys)).payload_base64, written.payload_base64)
      }))

    if (fetchMode === "blmove") {
      test("keeps the one element that two deliveries share, until the second one is done with it", (keys) =>
        Effect.gen(function* () {
          const jobs = yield* JobQueue
          const store = yield* Redis
          yield* jobs.submit(bytes("shared"))
          const first = yield* takeOne
          // Taken for lost, the worker was given again what it still held.
          yield* store.transfer(keys.processing, keys.queue, "right", bytes("shared"))
          const second = yield* takeOne
          yield* jobs.remove(first)
          assert.deepStrictEqual(yield* lengths(keys), [0, 1, 0])
          yield* jobs.remove(second)
          assert.deepStrictEqual(yield* lengths(keys), [0, 0, 0])
        }))

      test("finds a payload that it took without knowing, once", (keys) =>
        Effect.gen(function* () {
          const base = yield* Redis
          // The next take moves the payload, and its answer is lost.
          let lose = true
          const losing: Redis["Service"] = {
            ...base,
            moveLastWait: (...args) =>
              Effect.flatMap(base.moveLastWait(...args), (moved) => {
                if (!lose) return Effect.succeed(moved)
                lose = false
                return Effect.fail(new RedisError({ command: "BLMOVE", reason: "Unavailable", message: "lost" }))
              })
          }
          yield* Effect.gen(function* () {
            const jobs = yield* JobQueue
            yield* jobs.submit(bytes("twin"))
            yield* jobs.submit(bytes("twin"))
            yield* jobs.submit(bytes("last"))
            assert.strictEqual((yield* Effect.flip(jobs.take(1))).reason, "Unavailable")
            const found = [yield* takeOne, yield* takeOne, yield* takeOne]
            assert.deepStrictEqual(
              found.map(({ payload }) => Buffer.from(payload).toString()),
              ["twin", "twin", "last"]
            )
            assert.strictEqual(new Set(found.map(({ take }) => take)).size, 3)
            assert.deepStrictEqual(yield* lengths(keys), [0, 3, 0])
          }).pipe(Effect.provide(over(Layer.succeed(Redis, losing), keys.queue)))
        }))
    }

    test("forgets the cached status", () =>
      Effect.gen(function* () {
        const id = randomUUID()
        const store = yield* Redis
        yield* store.push(`cache:status:${id}`, "left", bytes("PENDING"))
        yield* (yield* JobQueue).forgetStatus(id)
        assert.strictEqual(yield* store.length(`cache:status:${id}`), 0)
      }))

    test("tells depth, dead letters and the payload that is next", () =>
      Effect.gen(function* () {
        const jobs = yield* JobQueue
        assert.deepStrictEqual(yield* jobs.stats, { depth: 0, parked: [], deadLetters: 0, oldest: Option.none() })
        yield* jobs.submit(bytes("a"))
        yield* jobs.submit(bytes("b"))
        yield* jobs.submit(bytes("c"))
        yield* jobs.deadLetter((yield* takeOne).payload, {
          reason: "InvalidPayload",
          message: "",
          correlationId: Option.none()
        })
        const { deadLetters, depth, oldest } = yield* jobs.stats
        assert.deepStrictEqual([depth, deadLetters], [2, 1])
        assert.strictEqual(Buffer.from(Option.getOrThrow(oldest)).toString(), "b")
      }))
  })
