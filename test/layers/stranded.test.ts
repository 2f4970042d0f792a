import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { JobQueueRedis } from "../../src/layers/queue/JobQueueRedis.ts"
import { JobQueue } from "../../src/services/JobQueue.ts"
import { Redis, RedisError } from "../../src/services/Redis.ts"
import { bytes, processing, withWorker } from "../fixture.ts"

const lost = new RedisError({ command: "BLMOVE", reason: "Unavailable", message: "connection lost" })

describe("a payload that Redis moved for a take whose answer was lost", () => {
  /** The first take fails; what it may have moved comes `before` or `after` that, as far as this worker can see. */
  const strand = (when: "before" | "after", pause: number) =>
    Effect.gen(function* () {
      const redis = yield* Redis
      const jobs = yield* JobQueue
      const arrive = redis.push(processing, "left", bytes("stranded"))
      if (when === "before") yield* arrive
      assert.deepStrictEqual(yield* Effect.flip(jobs.take(8)), lost)
      yield* TestClock.adjust(pause)
      if (when === "after") {
        // Nothing is there yet.
        assert.deepStrictEqual(yield* jobs.take(8), [])
        yield* arrive
      }
      return (yield* jobs.take(8)).map(({ payload }) => Buffer.from(payload).toString())
    }).pipe(
      Effect.provide(
        Layer.fresh(JobQueueRedis).pipe(
          Layer.provide(
            Layer.effect(
              Redis,
              Effect.map(Redis, (redis) => {
                let takes = 0
                return {
                  ...redis,
                  moveLastWait: () => Effect.suspend(() => (++takes === 1 ? Effect.fail(lost) : Effect.succeedNone))
                }
              })
            )
          )
        )
      )
    )

  it.effect("is found, however long Redis was away meanwhile", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* strand("before", 3_600_000), ["stranded"])
    }).pipe(withWorker())
  )

  it.effect("is found, too, when Redis has not noticed yet that the connection is broken", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* strand("after", 500), ["stranded"])
    }).pipe(withWorker())
  )
})
