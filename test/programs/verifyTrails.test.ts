import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Stream } from "effect"
import { type ChainedRow, hashOf, type Trail } from "../../src/domain/AuditChain.ts"
import { verifyTrails } from "../../src/programs/verifyTrails.ts"
import { AuditTrails } from "../../src/services/AuditTrails.ts"

const trailOf = (correlationId: string, change: Partial<ChainedRow> = {}): Trail => {
  const row = { auditId: 7n, status: "FAILED", at: 0n, log: "no", previousHash: null }
  const rows = [{ ...row, hash: hashOf(correlationId, row), ...change }]
  return { correlationId, accountId: "123456789012", status: "FAILED", rows }
}

/** Trails in pages of one, and which pages were read. */
const withTrails = (chainedAfter: Option.Option<bigint>, ...trails: ReadonlyArray<Trail>) => {
  const read: Array<string> = []
  const layer = Layer.succeed(AuditTrails, {
    chainedAfter: Effect.succeed(chainedAfter),
    page: (after) =>
      Effect.sync(() => {
        read.push(Option.getOrElse(after, () => "-"))
        const [first, ...more] = trails.filter((it) => Option.isNone(after) || it.correlationId > after.value)
        return {
          trails: first === undefined ? [] : [first],
          next: first === undefined || more.length === 0 ? Option.none() : Option.some(first.correlationId)
        }
      })
  })
  return { layer, read }
}

describe("verifyTrails", () => {
  it.effect("says of every request, page by page, whether its trail is intact", () => {
    const { layer, read } = withTrails(Option.some(0n), trailOf("a"), trailOf("b", { log: "yes" }), trailOf("c"))
    return Effect.gen(function* () {
      const verified = yield* Stream.runCollect(verifyTrails(Option.none()))
      assert.deepStrictEqual(
        verified.map(({ broken, correlationId }) => [correlationId, Option.map(broken, ({ auditId }) => auditId)]),
        [
          ["a", Option.none()],
          ["b", Option.some(7n)],
          ["c", Option.none()]
        ]
      )
      assert.deepStrictEqual(read, ["-", "a", "b"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("reads no page before the one before is dealt with", () => {
    const { layer, read } = withTrails(Option.some(0n), trailOf("a"), trailOf("b"))
    return Effect.gen(function* () {
      yield* Stream.runHead(verifyTrails(Option.none()))
      assert.deepStrictEqual(read, ["-"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("wants no hashes of rows from before they were chained", () => {
    const { layer } = withTrails(Option.some(7n), trailOf("a", { hash: null }))
    return Effect.gen(function* () {
      const [only] = yield* Stream.runCollect(verifyTrails(Option.none()))
      assert.deepStrictEqual(only?.broken, Option.none())
    }).pipe(Effect.provide(layer))
  })

  it.effect("names the remedy where rows are not chained", () =>
    Effect.gen(function* () {
      assert.match(String(yield* Effect.flip(Stream.runDrain(verifyTrails(Option.none())))), /run migrate/)
    }).pipe(Effect.provide(withTrails(Option.none()).layer))
  )
})
