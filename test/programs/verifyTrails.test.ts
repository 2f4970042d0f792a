import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Option, Stream } from "effect"
import { type ChainedRow, hashOf, type Trail } from "../../src/domain/AuditChain.ts"
import { eventAsJson, eventForPeople } from "../../src/commands/render/verification.ts"
import { verify } from "../../src/programs/verify/verify.ts"
import type { VerifyEvent } from "../../src/programs/verify/VerifyEvent.ts"
import { verifyTrails } from "../../src/programs/verify/verifyTrails.ts"
import { AuditTrails } from "../../src/services/AuditTrails.ts"
import { withWorker } from "../fixture.ts"

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

const unmarked = (text: string) => text
const plainStyle = { bold: unmarked, dim: unmarked, green: unmarked, red: unmarked, yellow: unmarked }

describe("a verification", () => {
  const verified = Effect.fnUntraced(function* (
    trails: ReturnType<typeof withTrails>,
    after: Option.Option<string> = Option.none()
  ) {
    const events: Array<VerifyEvent> = []
    const tell = (event: VerifyEvent) => Effect.sync(() => void events.push(event))
    const exit = yield* verify({ account: Option.none(), after }, false, () => Effect.succeed(null), tell).pipe(
      Effect.provide(trails.layer),
      Effect.exit
    )
    const lines = (render: typeof eventAsJson) => events.flatMap(render)
    const summary = events.flatMap((it) => (it._tag === "Done" ? [it.summary] : []))[0]
    return { exit, json: lines(eventAsJson), people: lines((it) => eventForPeople(it, plainStyle)), summary }
  })

  it.effect("finds a trail that is broken, tells which and why, and fails", () =>
    Effect.gen(function* () {
      const { exit, json, people, summary } = yield* verified(
        withTrails(Option.some(0n), trailOf("a"), trailOf("b", { log: "yes" }))
      )
      assert.match(Exit.isFailure(exit) ? String(exit.cause) : "", /0 findings, 0 accounts.*, 1 audit trails broken/)
      assert.deepInclude(summary, { trails: 2, broken: 1, notVerified: 0 })
      assert.deepStrictEqual(JSON.parse(json[0] ?? ""), {
        finding: "broken trail",
        account_id: "123456789012",
        request: "b",
        audit_id: "7",
        detail: "it does not say what it said when it was written"
      })
      assert.match(people[0] ?? "", /broken trail .*123456789012 .*request b, audit row 7: it does not say/)
      assert.match(people.at(-1) ?? "", /audit trails 2: 1 broken/)
    }).pipe(withWorker())
  )

  it.effect("is well when all trails are intact", () =>
    Effect.gen(function* () {
      const { exit, summary } = yield* verified(withTrails(Option.some(0n), trailOf("a")))
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepInclude(summary, { trails: 1, broken: 0 })
    }).pipe(withWorker())
  )

  it.effect("says that trails are not verified where rows are not chained, and fails", () =>
    Effect.gen(function* () {
      const { exit, json, summary } = yield* verified(withTrails(Option.none(), trailOf("a")))
      assert.isTrue(Exit.isFailure(exit))
      assert.match(json[0] ?? "", /"not verified".*run migrate/)
      assert.deepInclude(summary, { trails: 0, notVerified: 1 })
    }).pipe(withWorker())
  )

  it.effect("does not read the trails again when it goes on behind an account", () => {
    const trails = withTrails(Option.some(0n), trailOf("a", { log: "yes" }))
    return Effect.gen(function* () {
      const { exit } = yield* verified(trails, Option.some("111111111111"))
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepStrictEqual(trails.read, [])
    }).pipe(withWorker())
  })
})
