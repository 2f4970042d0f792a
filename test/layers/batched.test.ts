import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { ConnectionError, SqlError } from "effect/sql/SqlError"
import { batched } from "../../src/layers/postgres/batched.ts"

const failure = new SqlError({ reason: new ConnectionError({ cause: "lost" }) })

/** Asks in the hands of a test: `together` waits for `answer`, and both tell what they were asked. */
const asks = Effect.fnUntraced(function* (unanswered: ReadonlyArray<string> = []) {
  const calls: Array<ReadonlyArray<string> | string> = []
  const answers = [yield* Deferred.make<void, SqlError>(), yield* Deferred.make<void, SqlError>()]
  const ask = yield* batched<string, string>({
    id: (input) => input,
    together: (inputs) =>
      Effect.suspend(() => {
        const number = calls.filter((call) => typeof call !== "string").length
        calls.push(inputs)
        const known = inputs.filter((input) => !unanswered.includes(input))
        const answer = answers[number]
        return Effect.as(
          answer === undefined ? Effect.void : Deferred.await(answer),
          new Map(known.map((input) => [input, `${input} together`]))
        )
      }),
    alone: (input) =>
      Effect.suspend(() => {
        calls.push(input)
        return input.startsWith("bad") ? Effect.fail(failure) : Effect.succeed(`${input} alone`)
      })
  })
  const start = (...inputs: ReadonlyArray<string>) =>
    Effect.tap(
      Effect.forEach(inputs, (input) => Effect.forkChild(ask(input))),
      () => Effect.repeat(Effect.yieldNow, { times: 10 })
    )
  const end = (number: 0 | 1, exit: Effect.Effect<void, SqlError>) =>
    Effect.flatMap(Effect.fromNullishOr(answers[number]), (answer) => Deferred.complete(answer, exit))
  return { calls, start, end }
})

describe("what is asked at once", () => {
  it.effect(
    "goes at once when nothing is on its way, and together with all that came meanwhile when something is",
    () =>
      Effect.gen(function* () {
        const { calls, end, start } = yield* asks()
        const first = yield* start("a")
        const others = yield* start("b", "c", "d")
        assert.deepStrictEqual(calls, [["a"]])
        yield* end(0, Effect.void)
        assert.deepStrictEqual(yield* Fiber.joinAll(first), ["a together"])
        yield* end(1, Effect.void)
        assert.deepStrictEqual(yield* Fiber.joinAll(others), ["b together", "c together", "d together"])
        assert.deepStrictEqual(calls, [["a"], ["b", "c", "d"]])
      })
  )

  it.effect("is asked again alone where it was left unanswered, or asked twice", () =>
    Effect.gen(function* () {
      const { calls, end, start } = yield* asks(["held"])
      const first = yield* start("first")
      const others = yield* start("twin", "held", "twin")
      yield* Effect.andThen(end(0, Effect.void), end(1, Effect.void))
      yield* Fiber.joinAll(first)
      assert.deepStrictEqual(yield* Fiber.joinAll(others), ["twin together", "held alone", "twin alone"])
      assert.deepStrictEqual(calls, [["first"], ["twin", "held"], "held", "twin"])
    })
  )

  it.effect("fails alone with what is wrong with it alone", () =>
    Effect.gen(function* () {
      const { end, start } = yield* asks()
      const both = yield* start("bad", "good")
      yield* end(0, Effect.fail(failure))
      yield* end(1, Effect.fail(failure))
      const exits = yield* Effect.forEach(both, (fiber) => Effect.result(Fiber.join(fiber)))
      assert.deepStrictEqual(
        exits.map((exit) => (exit._tag === "Success" ? exit.success : exit.failure)),
        [failure, "good alone"]
      )
      // And the next ones have their turn.
      assert.deepStrictEqual(yield* Effect.flatMap(start("next"), Fiber.joinAll), ["next together"])
    })
  )
})
