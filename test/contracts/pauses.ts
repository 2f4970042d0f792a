import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Layer } from "effect"
import { Pause, type PauseScope } from "../../src/domain/Pause.ts"
import { PausesRedis } from "../../src/layers/queue/PausesRedis.ts"
import { Pauses } from "../../src/services/Pauses.ts"
import { Redis } from "../../src/services/Redis.ts"
import { bytes, testRedisConfig } from "../fixture.ts"

/** What every `Pauses` does, over any `Redis`. Each test has a queue of its own. */
export const pausesContract = (name: string, redis: Layer.Layer<Redis, unknown>) =>
  describe(`Pauses: ${name}`, () => {
    const test = (title: string, body: (key: string) => Effect.Effect<void, unknown, Pauses | Redis>) =>
      it.live(title, () => {
        const queue = `queue:${randomUUID()}`
        return body(`{${queue}}:paused`).pipe(
          Effect.provide(
            Layer.fresh(PausesRedis).pipe(Layer.provideMerge(redis), Layer.provide(testRedisConfig({ queue })))
          )
        )
      })
    const pauseOf = (scope: PauseScope, why = "OPS-1") =>
      new Pause({ scope, by: "ann", why, at: DateTime.makeUnsafe("2026-01-02T03:04:05.000Z") })

    test("keeps one pause of each scope, the last one, until it is resumed", () =>
      Effect.gen(function* () {
        const pauses = yield* Pauses
        assert.deepStrictEqual(yield* pauses.all, [])
        yield* pauses.pause(pauseOf("all", "first"))
        yield* pauses.pause(pauseOf("all", "second"))
        yield* pauses.pause(pauseOf("123456789012"))
        assert.sameDeepMembers([...(yield* pauses.all)], [pauseOf("all", "second"), pauseOf("123456789012")])
        assert.isTrue(yield* pauses.resume("all"))
        assert.isFalse(yield* pauses.resume("all"))
        assert.deepStrictEqual(yield* pauses.all, [pauseOf("123456789012")])
      }))

    test("takes what it cannot read for a pause of all, which can be resumed", (key) =>
      Effect.gen(function* () {
        const pauses = yield* Pauses
        yield* (yield* Redis).setScore(key, bytes('{"scope":"1"}'), 1)
        assert.deepStrictEqual(
          (yield* pauses.all).map(({ by, scope }) => [scope, by]),
          [["all", "unknown"]]
        )
        assert.isTrue(yield* pauses.resume("all"))
        assert.deepStrictEqual(yield* pauses.all, [])
      }))
  })
