import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Logger, Schema } from "effect"
import { jsonLogger } from "../../src/layers/LoggerLive.ts"

const parse = Schema.decodeSync(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown)))

/** What the logger writes for the effect, each line parsed. */
const linesOf = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const lines: Array<string> = []
    const collecting = Logger.map(jsonLogger({ worker_id: "w-1" }), (line) => void lines.push(line))
    yield* Effect.exit(Effect.provide(effect, Logger.layer([collecting])))
    for (const line of lines) assert.notInclude(line, "\n")
    return lines.map((line) => parse(line))
  })

describe("the JSON log", () => {
  it.effect("is one object a line, with the fields that operators search by", () =>
    Effect.gen(function* () {
      const [line] = yield* linesOf(
        Effect.logWarning("request failed").pipe(
          Effect.annotateLogs({ correlation_id: "id", account_id: "123456789012", operation: "AttachUserPolicy" }),
          Effect.annotateLogs({ error_type: "AccessDenied", error_message: 'line\nbreak and "quotes"' })
        )
      )
      assert.deepStrictEqual(line, {
        timestamp: "1970-01-01T00:00:00.000Z",
        level: "warn",
        message: "request failed",
        worker_id: "w-1",
        correlation_id: "id",
        account_id: "123456789012",
        operation: "AttachUserPolicy",
        error_type: "AccessDenied",
        error_message: 'line\nbreak and "quotes"'
      })
    })
  )

  it.effect("joins what is logged together, and shows a cause", () =>
    Effect.gen(function* () {
      const [joined, cause] = yield* linesOf(
        Effect.andThen(Effect.log("a", 1, { b: 2 }), Effect.logError("broken", Cause.die(new Error("a bug"))))
      )
      assert.strictEqual(joined?.["message"], 'a 1 {"b":2}')
      assert.strictEqual(cause?.["message"], "broken")
      assert.include(String(cause?.["error_message"]), "a bug")
    })
  )
})
