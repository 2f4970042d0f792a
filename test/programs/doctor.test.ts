import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { failed, ok, skipped, warning } from "../../src/domain/Finding.ts"
import { check, checkAfter } from "../../src/programs/checks/check.ts"
import { render } from "../../src/programs/checks/render.ts"

describe("a check", () => {
  it.effect("that gets no answer fails in the end", () =>
    Effect.gen(function* () {
      const running = yield* Effect.forkChild(check("slow", Effect.never))
      yield* TestClock.adjust("1 minute")
      const { detail, status } = yield* Fiber.join(running)
      assert.deepStrictEqual([status, detail], ["failed", "no answer within 20s"])
    })
  )

  it.effect("whose look fails says why", () =>
    Effect.gen(function* () {
      const { detail, status } = yield* check("broken", Effect.fail(new Error("cut off")))
      assert.deepStrictEqual([status, detail], ["failed", "cut off"])
    })
  )

  it.effect.each([
    ["failed", failed("", ""), "skipped"],
    ["skipped", skipped(""), "skipped"],
    ["a warning", warning("", ""), "ok"],
    ["ok", ok(""), "ok"]
  ] as const)("after one that was %s", ([, before, status]) =>
    Effect.gen(function* () {
      const found = yield* checkAfter({ check: "before", ...before }, "after", Effect.succeed(ok("well")))
      assert.strictEqual(found.status, status)
      if (status === "skipped") assert.strictEqual(found.detail, "see before")
    })
  )
})

describe("findings for people", () => {
  const findings = [
    { check: "a", ...ok("well") },
    { check: "longer", ...failed("two\nlines \u001B[2Jand a bell\u0007", "mend it") },
    { check: "b", ...skipped("see longer") }
  ]

  it("are lines of their own, whatever a server says", () => {
    assert.strictEqual(
      render(findings, false),
      [
        "✓ a       well",
        "✗ longer  two lines [2Jand a bell",
        "          → mend it",
        "- b       skipped: see longer"
      ].join("\n")
    )
  })

  it("have colours on a terminal", () => {
    assert.include(render(findings, true), "\u001B[32m✓\u001B[0m a       well\n\u001B[31m✗\u001B[0m longer")
  })
})
