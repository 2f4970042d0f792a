import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Random } from "effect"
import { TestClock } from "effect/testing"
import { repeatedly } from "../../src/programs/loops/repeatedly.ts"
import { RedisError } from "../../src/services/Redis.ts"

/** Every draw of chance is this number. */
const always = (draw: number) =>
  Effect.provideService(Random.Random, {
    nextDoubleUnsafe: () => draw,
    nextIntUnsafe: () => assert.fail("no integer is drawn")
  })

/** When a step is done that is to be done every ten seconds, in milliseconds, for half a minute. */
const timesOf = (outcome: Effect.Effect<void | number, RedisError>, draw: number) =>
  Effect.gen(function* () {
    const times: Array<number> = []
    const step = Effect.andThen(
      Effect.map(Clock.currentTimeMillis, (now) => void times.push(now)),
      outcome
    )
    yield* Effect.forkChild(repeatedly(Duration.seconds(10), step).pipe(always(draw)))
    yield* TestClock.adjust("29 seconds")
    return times
  })

describe("a step that is done repeatedly", () => {
  it.effect.each([
    ["nine tenths of its interval", 0, [0, 9_000, 18_000, 27_000]],
    ["eleven tenths", 1, [0, 11_000, 22_000]]
  ] as const)("comes again after %s", ([, draw, expected]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* timesOf(Effect.void, draw), [...expected])
    })
  )

  it.effect("comes again sooner if it says so, and never later", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* timesOf(Effect.succeed(8_000), 0.5), [0, 8_000, 16_000, 24_000])
      assert.deepStrictEqual((yield* timesOf(Effect.succeed(Number.POSITIVE_INFINITY), 0.5)).length, 3)
    })
  )

  it.effect.each([
    ["failed", Effect.fail(new RedisError({ command: "ZADD", reason: "Unavailable", message: "away" }))],
    ["broke", Effect.die(new Error("a bug"))]
  ] as const)("comes again after two seconds when it %s", ([, outcome]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* timesOf(outcome, 0)).slice(0, 4), [0, 2_000, 4_000, 6_000])
    })
  )
})
