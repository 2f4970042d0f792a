import { assert, describe, it } from "@effect/vitest"
import { Option, Schema } from "effect"
import { parseTraceparent } from "../../src/domain/traceparent.ts"

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736"
const spanId = "00f067aa0ba902b7"

describe("a producer's traceparent", () => {
  it.each([
    ["sampled", `00-${traceId}-${spanId}-01`, true],
    ["not sampled", `00-${traceId}-${spanId}-00`, false],
    ["other flags", `00-${traceId}-${spanId}-fe`, false],
    ["sampled, and other flags", `00-${traceId}-${spanId}-0b`, true],
    ["of a later version", `cc-${traceId}-${spanId}-01-what-comes`, true]
  ])("%s", (_, text, sampled) => {
    const span = Option.getOrThrow(parseTraceparent(text))
    assert.deepInclude(span, { traceId, spanId, sampled })
  })

  it.each([
    undefined,
    null,
    42,
    {},
    [`00-${traceId}-${spanId}-01`],
    "",
    `00-${traceId}-${spanId}`,
    `00-${traceId}-${spanId}-1`,
    `00-${traceId}-${spanId}-01-more`,
    `00-${traceId}-${spanId}-01\n`,
    ` 00-${traceId}-${spanId}-01`,
    `ff-${traceId}-${spanId}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${"0".repeat(32)}-${spanId}-01`,
    `00-${traceId}-${"0".repeat(16)}-01`,
    `00-${traceId}-${spanId}-xx`
  ])("%j is none", (value) => {
    assert.isTrue(Option.isNone(parseTraceparent(value)))
  })

  it.prop("is found in nothing that does not begin like one", [Schema.String], ([text]) => {
    assert.isTrue(Option.isNone(parseTraceparent(text)) || /^[0-9a-f]{2}-[0-9a-f]{32}-/.test(text))
  })
})
