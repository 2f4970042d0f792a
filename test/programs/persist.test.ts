import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Logger, Predicate, Ref } from "effect"
import { TestClock } from "effect/testing"
import { persist } from "../../src/programs/job/persist.ts"
import { WorkerStatusLive } from "../../src/layers/WorkerStatusLive.ts"
import { RedisError } from "../../src/services/Redis.ts"
import { WorkerStatus } from "../../src/services/WorkerStatus.ts"

const away = new RedisError({ command: "LREM", reason: "Unavailable", message: "Connection is closed." })

describe("a step in an outage of days", () => {
  it.effect("is tried again every two seconds, and needs no more memory for each try", () =>
    Effect.gen(function* () {
      let tries = 0
      const step = Effect.suspend(() => (tries++, Effect.fail(away)))
      const fiber = yield* Effect.forkChild(persist(step))
      yield* TestClock.adjust("1 minute")
      const [soon, before] = [depthOf(fiber), tries]
      yield* TestClock.adjust("10 minutes")
      const [late, after] = [depthOf(fiber), tries]
      // It gives up, since nothing else would end it.
      yield* Ref.set((yield* WorkerStatus).endsAt, 0)
      yield* TestClock.adjust("2 seconds")
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
      assert.deepStrictEqual([late, after], [soon, before + 300])
    }).pipe(Effect.provide(WorkerStatusLive))
  )

  it.effect("tells of it at first, and then every half a minute", () => {
    const told: Array<unknown> = []
    return Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(persist(Effect.fail(away)))
      yield* TestClock.adjust("30 seconds")
      const atFirst = told.length
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual([told[0], told.length - atFirst], [["will try again in 100 ms"], 20])
      yield* Ref.set((yield* WorkerStatus).endsAt, 0)
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.await(fiber)
    }).pipe(
      Effect.provide(Layer.merge(WorkerStatusLive, Logger.layer([Logger.make(({ message }) => told.push(message))])))
    )
  })
})

/** How much a fiber still has to come back to, which Effect keeps to itself. */
const depthOf = (fiber: Fiber.Fiber<unknown, unknown>): number => {
  assert(Predicate.hasProperty(fiber, "_stack") && Array.isArray(fiber._stack))
  return fiber._stack.length
}
