import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, type Layer, Option, Schedule } from "effect"
import { AccessDenied, Throttling } from "../../src/domain/AwsError.ts"
import type { MinuteOutcomes } from "../../src/domain/History.ts"
import type { Job } from "../../src/domain/Job.ts"
import { Settlement } from "../../src/domain/Settlement.ts"
import { ClaimResult, JobStore } from "../../src/services/JobStore.ts"
import { RequestHistory } from "../../src/services/RequestHistory.ts"
import { aJob, waiting } from "../fixture.ts"
import { ApiStore, type StoreFlavour } from "./jobStore.ts"

const denied = new AccessDenied({ code: "AccessDenied", message: "no", operation: "AssumeRole" })
const throttled = new Throttling({ code: "Throttling", message: "slow", operation: "AttachUserPolicy" })
const succeeded = Settlement.Succeeded({ requestId: Option.some("r-1"), effected: "applied" })
const failed = Settlement.Failed({ error: denied })
const requeued = Settlement.Requeued({ error: throttled, delivery: 1 })
const released = Settlement.Released({ reason: "the worker shuts down", until: "next" })

/** Milliseconds of a time that is before whatever the test does, and not by much. */
const justBefore = Effect.map(Clock.currentTimeMillis, (now) => now - 1_000)

/** A time that has passed, and that what follows is not before. */
const between = Effect.gen(function* () {
  const now = yield* Clock.currentTimeMillis
  yield* Effect.repeat(Clock.currentTimeMillis, { until: (it) => it > now + 1, schedule: Schedule.spaced("1 millis") })
  return now + 1
})

const totals = (minutes: ReadonlyArray<MinuteOutcomes>) =>
  (["succeeded", "failed", "requeued", "recovered"] as const).map((outcome) =>
    minutes.reduce((sum, it) => sum + it[outcome], 0)
  )

/** What every `RequestHistory` tells of what its `JobStore` does. */
export const requestHistoryContract = (
  name: string,
  { labels, optionalColumns }: StoreFlavour,
  layer: Layer.Layer<RequestHistory | JobStore | ApiStore, unknown>
) =>
  describe(`RequestHistory: ${name}`, () => {
    const test = (title: string, body: Effect.Effect<void, unknown, RequestHistory | JobStore | ApiStore>) =>
      it.live(title, () => Effect.provide(body, layer))

    const submitted = (fields: Partial<Job> = {}) =>
      Effect.gen(function* () {
        const job = aJob({ principal: `user-${randomUUID()}`, ...fields })
        yield* (yield* ApiStore).submit(job)
        return job
      })
    const claimed = (job: Job) =>
      Effect.gen(function* () {
        const store = yield* JobStore
        const result = Option.getOrThrow(yield* store.claim(job, { workerId: "w-1", take: randomUUID() }, waiting))
        return ClaimResult.$is("Claimed")(result) ? result.claim : assert.fail()
      })
    const ended = (settlement: Settlement, fields: Partial<Job> = {}) =>
      Effect.gen(function* () {
        const job = yield* submitted(fields)
        yield* (yield* JobStore).settle(yield* claimed(job), settlement)
        return job
      })

    test(
      "counts how deliveries ended, minute by minute",
      Effect.gen(function* () {
        const since = yield* justBefore
        const store = yield* JobStore
        for (const settlement of [succeeded, succeeded, succeeded, failed, requeued, requeued, released]) {
          yield* ended(settlement)
        }
        yield* claimed(yield* submitted())
        yield* between
        yield* store.recover(Duration.zero, 3)
        const minutes = yield* (yield* RequestHistory).outcomes(since)
        assert.deepStrictEqual(totals(minutes), [3, 1, 2, 1])
        for (const { minute } of minutes) {
          assert.strictEqual(minute % 60_000, 0)
          assert.isAtLeast(minute, since - 60_000)
        }
      })
    )

    test(
      "tells nothing of before",
      Effect.gen(function* () {
        const history = yield* RequestHistory
        yield* ended(succeeded)
        yield* ended(failed)
        const since = yield* between
        assert.deepStrictEqual(yield* history.outcomes(since), [])
        assert.deepStrictEqual(yield* history.failures(since), [])
        yield* ended(failed)
        assert.deepStrictEqual(totals(yield* history.outcomes(since)), [0, 1, 0, 0])
        assert.lengthOf(yield* history.failures(since), 1)
      })
    )

    test(
      "tells what failed and why, the newest first, whatever became of it",
      Effect.gen(function* () {
        const since = yield* justBefore
        const [first, second] = [yield* ended(failed), yield* ended(failed, { action: "remove" })]
        yield* ended(succeeded)
        const failures = yield* (yield* RequestHistory).failures(since)
        assert.deepStrictEqual(
          failures.map((it) => ({ ...it, auditId: "", failedAt: 0, requestedAt: 0, updatedAt: 0 })),
          [second, first].map((job) => ({
            correlationId: job.correlation_id,
            status: labels.FAILED,
            accountId: job.account_id,
            principal: job.principal,
            principalType: optionalColumns ? "User" : null,
            action: job.action,
            entitlement: "ReadOnlyAccess",
            reason: "AccessDenied: no (AssumeRole)",
            auditId: "",
            failedAt: 0,
            requestedAt: 0,
            updatedAt: 0
          }))
        )
        assert.isTrue(failures.every(({ failedAt }) => failedAt >= since))
        assert.strictEqual(new Set(failures.map(({ auditId }) => auditId)).size, 2)
      })
    )

    test(
      "finds requests by id, account and principal, the newest first",
      Effect.gen(function* () {
        const history = yield* RequestHistory
        const accountId = "777777777777"
        const older = yield* submitted({ account_id: accountId, principal: "carol" })
        yield* between
        const newer = yield* submitted({ account_id: accountId, principal: "dave's" })
        yield* submitted()
        const idsOf = (term: Parameters<typeof history.search>[0]) =>
          Effect.map(history.search(term), (found) => found.map((it) => it.correlationId))
        const [olderId, newerId] = [older.correlation_id, newer.correlation_id]
        assert.deepStrictEqual(yield* idsOf({ _tag: "Account", accountId }), [newerId, olderId])
        assert.deepStrictEqual(yield* idsOf({ _tag: "Principal", principal: "dave's" }), [newerId])
        assert.deepStrictEqual(yield* idsOf({ _tag: "Request", correlationId: olderId.toUpperCase() }), [olderId])
        assert.deepStrictEqual(yield* idsOf({ _tag: "Principal", principal: "dave" }), [])
        assert.deepStrictEqual(yield* idsOf({ _tag: "Request", correlationId: randomUUID() }), [])
      })
    )
  })
