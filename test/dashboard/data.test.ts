import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import type { Overview } from "../../src/domain/Overview.ts"
import { AccessDenied } from "../../src/domain/AwsError.ts"
import { Settlement } from "../../src/domain/Settlement.ts"
import { makeRecentHistory } from "../../src/dashboard/recentHistory.ts"
import { JobQueue } from "../../src/services/JobQueue.ts"
import { ClaimResult, JobStore } from "../../src/services/JobStore.ts"
import { RequestHistory } from "../../src/services/RequestHistory.ts"
import { aJob, bytes, databaseAway, memoryWorker, waiting } from "../fixture.ts"
import { ask, bearer, served } from "./served.ts"

const headers = bearer("s3same")
const dashboard = served(Option.some("s3same"))

const get = (path: string) =>
  Effect.map(ask("GET", path, { headers }), ({ body, status }) => ({ status, body: JSON.parse(body) }))
const overview = Effect.map(get("/api/overview"), ({ body }): Overview => body)

const ended = Effect.fnUntraced(function* (settlement: Settlement) {
  const store = yield* JobStore
  const job = aJob({ principal: `user-${randomUUID()}` })
  yield* store.submit(job)
  const result = Option.getOrThrow(yield* store.claim(job, { workerId: "w-1", take: randomUUID() }, waiting))
  const { claim } = ClaimResult.$is("Claimed")(result) ? result : assert.fail()
  yield* store.settle(claim, settlement)
  return job
})
const succeeded = Settlement.Succeeded({ requestId: Option.some("r-1"), effected: "applied" })
const failed = Settlement.Failed({
  error: new AccessDenied({ code: "AccessDenied", message: "no", operation: "AssumeRole" })
})

/** A history that counts how often it is asked, and answers only while it is there. */
const counted = Effect.gen(function* () {
  const history = yield* RequestHistory
  const state = { asked: new Array<number>(), away: false }
  const outcomes = (since: number) => {
    state.asked.push(since)
    return state.away ? Effect.fail(databaseAway) : history.outcomes(since)
  }
  return { state, layer: Layer.succeed(RequestHistory, { ...history, outcomes }) }
})

describe("the dashboard's data", () => {
  it.effect("tells of the queue, the accounts at work and the last hour", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("2 hours")
      const queue = yield* JobQueue
      const job = yield* ended(failed)
      yield* ended(succeeded)
      yield* queue.submit(bytes(aJob({ received_at: new Date(7_000_000).toISOString() })))
      yield* queue.deadLetter(bytes("x"), { reason: "InvalidPayload", message: "no", correlationId: Option.none() })
      const seen = yield* overview
      assert.deepInclude(seen.queue, {
        value: {
          depth: 1,
          oldestReceivedAt: 7_000_000,
          delayed: 0,
          deadLetters: 1,
          parked: [],
          pauses: [],
          workers: []
        }
      })
      const history = "value" in seen.history ? seen.history.value : assert.fail()
      assert.lengthOf(history.minutes, 60)
      assert.deepInclude(history.minutes.at(-1), { minute: 7_200_000, succeeded: 1, failed: 1 })
      assert.strictEqual(history.failures[0]?.correlationId, job.correlation_id)
    }).pipe(Effect.provide(dashboard))
  )

  it.effect("many who look cost one read a second, and nobody none", () =>
    Effect.gen(function* () {
      const { layer, state } = yield* counted
      const recent = yield* Effect.provide(makeRecentHistory, layer)
      yield* TestClock.adjust("1 hour")
      assert.lengthOf(state.asked, 0)
      yield* Effect.all([recent, recent, recent], { concurrency: "unbounded" })
      yield* recent
      assert.lengthOf(state.asked, 1)
      yield* TestClock.adjust("2 seconds")
      yield* recent
      assert.lengthOf(state.asked, 2)
    }).pipe(Effect.provide(memoryWorker()))
  )

  it.effect("reads the hour once, then what is new, and forgets what is old", () =>
    Effect.gen(function* () {
      const { layer, state } = yield* counted
      const recent = yield* Effect.provide(makeRecentHistory, layer)
      const sums = Effect.map(recent, ({ failures, minutes }) => [
        minutes.reduce((sum, it) => sum + it.succeeded, 0),
        minutes.reduce((sum, it) => sum + it.failed, 0),
        failures.length
      ])
      yield* TestClock.adjust("10 hours")
      yield* ended(succeeded)
      yield* ended(failed)
      assert.deepStrictEqual(yield* sums, [1, 1, 1])
      yield* TestClock.adjust("10 minutes")
      yield* ended(succeeded)
      assert.deepStrictEqual(yield* sums, [2, 1, 1])
      yield* TestClock.adjust("10 seconds")
      yield* ended(failed)
      assert.deepStrictEqual(yield* sums, [2, 2, 2])
      // The first look took the hour; the last one two minutes behind what it knew already.
      assert.deepStrictEqual(state.asked, [32_460_000, 35_880_000, 36_480_000])
      yield* TestClock.adjust("55 minutes")
      assert.deepStrictEqual(yield* sums, [1, 1, 2])
      yield* TestClock.adjust("23 hours")
      assert.deepStrictEqual(yield* sums, [0, 0, 1])
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* sums, [0, 0, 0])
    }).pipe(Effect.provide(memoryWorker()))
  )

  it.effect("says what it cannot read, shows the rest, and leaves the database alone for a while", () =>
    Effect.gen(function* () {
      const { layer, state } = yield* counted
      state.away = true
      const recent = yield* Effect.provide(makeRecentHistory, layer)
      assert.strictEqual(yield* Effect.flip(recent), databaseAway)
      yield* TestClock.adjust("10 seconds")
      yield* Effect.flip(recent)
      assert.lengthOf(state.asked, 1)
      state.away = false
      yield* TestClock.adjust("11 seconds")
      assert.lengthOf((yield* recent).minutes, 60)
    }).pipe(Effect.provide(memoryWorker()))
  )

  it.effect("finds requests, and tells all that is known of one", () =>
    Effect.gen(function* () {
      const job = yield* ended(failed)
      for (const term of [job.correlation_id, job.account_id, job.principal]) {
        const { body } = yield* get(`/api/requests?search=${encodeURIComponent(term)}`)
        assert.strictEqual(body.requests[0].correlationId, job.correlation_id, term)
      }
      const { body } = yield* get(`/api/requests/${job.correlation_id}`)
      assert.deepInclude(body, { status: "FAILED", principal: job.principal, references: [] })
      assert.strictEqual(body.audit.at(-1).log, "AccessDenied: no (AssumeRole)")
    }).pipe(Effect.provide(dashboard))
  )

  it.effect.each([
    ["/api/requests", 400],
    ["/api/requests?search=", 400],
    ["/api/requests?search=%00", 400],
    [`/api/requests?search=${"x".repeat(201)}`, 400],
    ["/api/requests/17", 400],
    ["/api/requests/'%20OR%20true--", 400],
    [`/api/requests/${randomUUID()}`, 404]
  ] as const)("%s is answered with %s", ([path, expected]) =>
    Effect.gen(function* () {
      const { body, status } = yield* get(path)
      assert.strictEqual(status, expected)
      assert.isString(body.problem)
    }).pipe(Effect.provide(dashboard))
  )

  it.effect("shows dead letters, and replays one that is named whole, by somebody, for a reason", () =>
    Effect.gen(function* () {
      const queue = yield* JobQueue
      const store = yield* JobStore
      const job = aJob()
      yield* store.submit(job)
      yield* queue.deadLetter(bytes(job), {
        reason: "UnknownJob",
        message: "no row",
        correlationId: Option.some(job.correlation_id)
      })
      yield* queue.deadLetter(Buffer.from([0xff]), {
        reason: "InvalidPayload",
        message: "not UTF-8",
        correlationId: Option.none()
      })
      const { body } = yield* get("/api/dead-letters")
      const [bad, good] = body.letters
      assert.deepInclude(bad, { payload: "/w==", isText: false, correlationId: null })
      assert.deepInclude(good, { payload: JSON.stringify(job), isText: true, reason: "UnknownJob" })

      const replay = (id: string, json: unknown) =>
        Effect.map(ask("POST", `/api/dead-letters/${id}/replay`, { headers, json }), ({ status }) => status)
      const words = { by: "Ann", why: "its row was late" }
      assert.strictEqual(yield* replay(good.id, {}), 400)
      assert.strictEqual(yield* replay(good.id, { ...words, by: "Ann\n" }), 400)
      assert.strictEqual(yield* replay(good.id, { ...words, more: "x".repeat(20_000) }), 400)
      assert.strictEqual(yield* replay("..", words), 404)
      assert.strictEqual(yield* replay("0123456789ab", words), 404)
      assert.strictEqual(yield* replay(bad.id, words), 409)
      assert.strictEqual((yield* queue.stats).depth, 0)
      assert.strictEqual(yield* replay(good.id, words), 200)
      const { deadLetters, depth } = yield* queue.stats
      assert.deepStrictEqual([depth, deadLetters], [1, 1])
    }).pipe(Effect.provide(dashboard))
  )
})
