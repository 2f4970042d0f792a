import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Layer, Option, Stream } from "effect"
import { DeadLettersRedis } from "../../src/layers/queue/DeadLettersRedis.ts"
import { JobQueueRedis } from "../../src/layers/queue/JobQueueRedis.ts"
import { DeadLetters, type StoredLetter } from "../../src/services/DeadLetters.ts"
import { JobQueue } from "../../src/services/JobQueue.ts"
import { Redis } from "../../src/services/Redis.ts"
import { bytes, testRedisConfig, testWorkerConfig } from "../fixture.ts"

/** What every `DeadLetters` does, over any `Redis`. Each test has a queue of its own. */
export const deadLettersContract = (name: string, redis: Layer.Layer<Redis, unknown>) =>
  describe(`DeadLetters: ${name}`, () => {
    const test = (title: string, body: (key: string) => Effect.Effect<void, unknown, DeadLetters | JobQueue | Redis>) =>
      it.live(title, () => {
        const queue = `queue:${randomUUID()}`
        return body(`${queue}_error`).pipe(
          Effect.provide(
            Layer.mergeAll(Layer.fresh(DeadLettersRedis), Layer.fresh(JobQueueRedis)).pipe(
              Layer.provideMerge(redis),
              Layer.provide(Layer.merge(testRedisConfig({ queue }), testWorkerConfig({ workerId: "w-1" })))
            )
          )
        )
      })

    const bury = (payload: Uint8Array, correlationId = Option.none<string>()) =>
      Effect.flatMap(JobQueue, (jobs) =>
        jobs.deadLetter(payload, { reason: "InvalidPayload", message: "why", correlationId })
      )
    const payloadOf = (letter: StoredLetter) => Buffer.from(Option.getOrThrow(letter.payload)).toString()
    const payloads = Effect.gen(function* () {
      return yield* Stream.runCollect(Stream.map((yield* DeadLetters).all, payloadOf))
    })

    test("tells what a worker wrote, with the payload byte for byte", () =>
      Effect.gen(function* () {
        const letters = yield* DeadLetters
        const id = randomUUID()
        const text = bytes('{ "é" :  1 }\n')
        const raw = Uint8Array.from([0x7b, 0xff, 0x00, 0x7d])
        yield* bury(text, Option.some(id))
        yield* bury(raw)
        const [newest, oldest] = yield* letters.list({ offset: 0, limit: 10 })
        assert.deepInclude(oldest, {
          reason: "InvalidPayload",
          message: "why",
          correlationId: Option.some(id),
          workerId: Option.some("w-1")
        })
        const failedAt = Option.getOrThrow(oldest?.failedAt ?? Option.none<DateTime.Utc>())
        assert.isBelow(Math.abs(Date.now() - DateTime.toEpochMillis(failedAt)), 60_000)
        for (const [letter, payload] of [
          [oldest, text],
          [newest, raw]
        ] as const) {
          assert.deepStrictEqual([...Option.getOrThrow(letter?.payload ?? Option.none())], [...payload])
        }
        assert.deepStrictEqual(newest?.correlationId, Option.none())
      }))

    test("lists a page, the newest first, and all of them, however many", () =>
      Effect.gen(function* () {
        const letters = yield* DeadLetters
        assert.deepStrictEqual([yield* letters.list({ offset: 0, limit: 10 }), yield* payloads], [[], []])
        const names = Array.from({ length: 1_001 }, (_, index) => `letter ${index}`)
        yield* Effect.forEach(names, (it) => bury(bytes(it)), { concurrency: "unbounded" })
        const all = yield* payloads
        assert.sameMembers(all, names)
        const page = yield* letters.list({ offset: 1, limit: 2 })
        assert.deepStrictEqual(page.map(payloadOf), all.slice(1, 3))
      }))

    test("finds a letter by an id that stays, and drops it alone", () =>
      Effect.gen(function* () {
        const letters = yield* DeadLetters
        for (const payload of ["one", "two"]) yield* bury(bytes(payload))
        const [two, one] = yield* letters.list({ offset: 0, limit: 2 })
        if (one === undefined || two === undefined) return assert.fail()
        yield* bury(bytes("three"))
        assert.match(one.id, /^[0-9a-f]{12}$/)
        assert.notStrictEqual(one.id, two.id)
        assert.deepStrictEqual(yield* letters.find(one.id), Option.some(one))
        yield* letters.drop(one)
        yield* letters.drop(one)
        assert.deepStrictEqual(yield* letters.find(one.id), Option.none())
        assert.deepStrictEqual(yield* payloads, ["three", "two"])
      }))

    test("shows what no worker wrote, too", (key) =>
      Effect.gen(function* () {
        const letters = yield* DeadLetters
        const store = yield* Redis
        const forged = {
          payload: "x",
          reason: "r",
          message: "m",
          correlation_id: "*",
          worker_id: "w",
          failed_at: "now"
        }
        const strange = [bytes("no JSON"), Uint8Array.of(0xff), bytes("{}"), bytes(forged)]
        for (const letter of strange) yield* store.push(key, "left", letter)
        const found = yield* letters.list({ offset: 0, limit: 10 })
        assert.strictEqual(new Set(found.map(({ id }) => id)).size, strange.length)
        for (const letter of found) {
          assert.deepInclude(letter, { reason: "Unreadable", payload: Option.none(), correlationId: Option.none() })
        }
        yield* Effect.forEach(found, letters.drop)
        assert.strictEqual(yield* store.length(key), 0)
      }))
  })
