import { assert, describe, it } from "@effect/vitest"
import { DateTime, Schema } from "effect"
import { grantsAsJson, grantsForPeople } from "../../src/commands/render/grants.ts"
import { table } from "../../src/commands/render/table.ts"
import { json, plain, span } from "../../src/commands/render/text.ts"

/** What could steer a terminal, or forge a line. */
const forging = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u

describe("text for a terminal", () => {
  it.prop("shows whatever comes, and can be steered by none of it", [Schema.String], ([text]) => {
    assert.notMatch(plain(text), forging)
    const shown = json({ text })
    assert.notMatch(shown.replaceAll("\n", ""), forging)
    assert.deepStrictEqual(JSON.parse(shown), { text })
  })

  it("writes out what would act", () => {
    const text = "a\n\u001b[2J\u009b\u202eb\u{e0041}"
    assert.strictEqual(plain(text), String.raw`a\n\u001b[2J\u009b\u202eb\udb40\udc41`)
    assert.deepStrictEqual(JSON.parse(json(text)), text)
    assert.notMatch(json(text), forging)
  })

  it("keeps columns straight, whatever their letters and colours", () => {
    assert.strictEqual(
      table(
        ["left", "right", "left"],
        [
          ["李", "1", "a"],
          ["\u001b[1mx\u001b[0m", "10", ""]
        ]
      ),
      "李   1  a\n\u001b[1mx\u001b[0m   10"
    )
  })

  it.each([
    [0, "0 ms"],
    [999, "999 ms"],
    [1_000, "1.0 s"],
    [59_999, "59.9 s"],
    [60_000, "1m 0s"],
    [3_599_999, "59m 59s"],
    [3_600_000, "1h 0m"],
    [86_400_000, "1d 0h"],
    [-1_500, "-1.5 s"]
  ])("says %i ms as %s", (millis, said) => assert.strictEqual(span(millis), said))
})

describe("grants for people", () => {
  it.prop("stay in their lines, whatever a row says of them", [Schema.String], ([text]) => {
    const grant = {
      id: "6f1f3bd0-9f0e-4a5e-8f52-0e9d7f3f2a11",
      endId: "6f1f3bd0-9f0e-4a5e-8f52-0e9d7f3f2a12",
      accountId: text,
      principalType: "User",
      principal: text,
      entitlementType: "default",
      entitlement: text,
      endsAt: DateTime.makeUnsafe(0),
      overdue: true,
      status: "PENDING",
      attachedBefore: null
    }
    const lines = grantsForPeople([grant]).split("\n")
    assert.lengthOf(lines, 2)
    for (const line of lines) assert.notMatch(line, forging)
    assert.notMatch(grantsAsJson([grant]).replaceAll("\n", ""), forging)
  })
})
