import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { retriedLog, Who, Why } from "../../src/domain/Intervention.ts"
import { countedDelivery, countedLoss, printable } from "../../src/domain/Settlement.ts"

const isWho = Schema.is(Who)
const isWhy = Schema.is(Why)

describe("who intervenes, and why", () => {
  it.each(["ann", "Jörg Müller", "李", "ann@example.com (on call)", "'; DROP TABLE x; --"])("may be %j", (text) => {
    assert.isTrue(isWho(text))
    // The audit row tells it as it was said.
    assert.strictEqual(printable(retriedLog({ by: text, why: text })), `Retried by ${text}: ${text}`)
  })

  it.each([
    ["empty", ""],
    ["blank", "  "],
    ["two lines", "ann\nRetried by bob: why"],
    ["a NUL", "a\u0000"],
    ["an escape sequence", "\u001b[2J"],
    ["a C1 control", "\u009b2J"],
    ["text turned around", "ann\u202e"],
    ["a line separator", "ann\u2028bob"]
  ])("may not be %s", (_, text) => assert.isFalse(isWho(text) || isWhy(text)))

  it("may be so long and no longer", () => {
    for (const [is, length] of [
      [isWho, 100],
      [isWhy, 500]
    ] as const) {
      assert.deepStrictEqual([is("é".repeat(length)), is("é".repeat(length + 1))], [true, false])
    }
  })

  it("cannot pass for a delivery or for a lost worker", () => {
    for (const pattern of [countedDelivery, countedLoss]) {
      const like = new RegExp(`^${pattern.replaceAll("%", ".*")}$`)
      assert.notMatch(retriedLog({ by: "Delivery 1 ended transiently: x", why: "Recovered from a lost worker" }), like)
    }
  })
})
