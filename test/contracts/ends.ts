import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Clock, DateTime, Duration, Effect, type Layer, Option, Schema } from "effect"
import { LimitExceeded, Throttling, Timeout } from "../../src/domain/AwsError.ts"
import type { Job } from "../../src/domain/Job.ts"
import { Settlement } from "../../src/domain/Settlement.ts"
import { endedLog, extendedLog } from "../../src/domain/Intervention.ts"
import { Grants } from "../../src/services/Grants.ts"
import { type Claim, ClaimResult, JobStore } from "../../src/services/JobStore.ts"
import { aJob, waiting } from "../fixture.ts"
import { ApiStore, eventuallyLater } from "./jobStore.ts"

const succeeded = Settlement.Succeeded({ requestId: Option.none(), effected: "applied" })
const left = Settlement.Succeeded({ requestId: Option.none(), effected: "left as it is: still held by x" })
const failure = { code: "Code", message: "why", operation: "AttachUserPolicy" }
const lostAnswer = Settlement.Failed({ error: new Timeout(failure) })
const refused = Settlement.Failed({ error: new LimitExceeded(failure) })

const never = Number.NEGATIVE_INFINITY
const reason = { by: "alice", why: 'it\'s "over" $1 %s; --' }

const decodePayload = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown)))

/** Access that ends, in every `JobStore` that has a place for it. */
export const endsContract = (name: string, layer: Layer.Layer<JobStore | ApiStore | Grants, unknown>) =>
  describe(`JobStore, access that ends: ${name}`, () => {
    const test = (title: string, body: Effect.Effect<void, unknown, JobStore | ApiStore | Grants>) =>
      it.live(title, () => Effect.provide(body, layer))

    const submitted = (fields: Partial<Job> = {}) =>
      Effect.gen(function* () {
        const job = aJob({ principal: `user-${randomUUID()}`, ...fields })
        yield* (yield* ApiStore).submit(job)
        return job
      })
    const claimOf = (job: Pick<Job, "correlation_id">) =>
      Effect.gen(function* () {
        const store = yield* JobStore
        const { row } = Option.getOrThrow(yield* store.find(job.correlation_id))
        const asked = aJob({ ...job, principal: row.principal, action: row.action === "add" ? "add" : "remove" })
        return Option.getOrThrow(yield* store.claim(asked, { workerId: "w-1", take: randomUUID() }, waiting))
      })
    const claimed = (job: Pick<Job, "correlation_id">) =>
      Effect.map(claimOf(job), (found): Claim => (found._tag === "Claimed" ? found.claim : assert.fail(found._tag)))
    const settle = (claim: Claim, settlement: Settlement) =>
      Effect.flatMap(JobStore, (store) => store.settle(claim, settlement))
    const done = (job: Job, attached: boolean | null = false) =>
      Effect.gen(function* () {
        const claim = yield* claimed(job)
        if (attached !== null) yield* (yield* JobStore).noteBefore(claim, attached)
        assert.isTrue(yield* settle(claim, succeeded))
        return job
      })
    const granted = (fields: Partial<Job> = {}, attached: boolean | null = false) =>
      Effect.flatMap(submitted({ duration_minutes: 60, ...fields }), (job) => done(job, attached))
    const endsOf = (job: Pick<Job, "principal">) =>
      Effect.flatMap(Grants, (grants) =>
        grants.list({ accountId: Option.none(), principal: Option.some(job.principal) })
      )
    const endOf = (job: Job) =>
      Effect.flatMap(endsOf(job), (all) => Effect.fromNullishOr(all.find(({ id }) => id === job.correlation_id)))
    /** Makes the grant's end due. */
    const dueNow = (job: Job) =>
      Effect.flatMap(Grants, (grants) => Effect.map(grants.end(job.correlation_id, reason), Option.getOrThrow))
    const pushed = (end: { readonly endId: string }, before = never) =>
      Effect.flatMap(JobStore, (store) =>
        Effect.map(store.due(before), ({ payloads }) => payloads.find((it) => it.includes(`"${end.endId}"`)))
      )
    const ended = (job: Job, settlement: Settlement) =>
      Effect.gen(function* () {
        const { endId } = yield* dueNow(job)
        yield* settle(yield* claimed({ correlation_id: endId }), settlement)
      })

    test(
      "writes the end of a grant with its success, once",
      Effect.gen(function* () {
        const store = yield* JobStore
        const job = yield* submitted({ duration_minutes: 90, client_request_id: "c-1", principal_type: "Role" })
        const claim = yield* claimed(job)
        assert.deepStrictEqual(yield* endsOf(job), [])
        assert.isTrue(yield* settle(claim, succeeded))
        assert.isTrue(yield* settle(claim, succeeded))
        const [end, ...more] = yield* endsOf(job)
        assert.deepStrictEqual(more, [])
        const { updatedAt } = Option.getOrThrow(yield* store.find(job.correlation_id))
        const { endId = "", endsAt } = end ?? {}
        assert.deepStrictEqual(
          { ...end, endId, endsAt },
          {
            id: job.correlation_id,
            endId,
            accountId: job.account_id,
            principalType: "Role",
            principal: job.principal,
            entitlementType: "default",
            entitlement: job.entitlement,
            endsAt,
            overdue: false,
            status: "PENDING",
            attachedBefore: null
          }
        )
        const minutes = ((endsAt?.epochMilliseconds ?? 0) - Option.getOrThrow(updatedAt).epochMilliseconds) / 60_000
        assert.closeTo(minutes, 90, 0.01)
        const record = Option.getOrThrow(yield* store.find(endId))
        assert.deepStrictEqual(record.row, {
          principal: job.principal,
          action: "remove",
          entitlement: job.entitlement,
          account_id: job.account_id,
          principal_type: "Role",
          entitlement_type: "default",
          duration_minutes: null
        })
        const due = DateTime.formatIso(endsAt ?? DateTime.makeUnsafe(0)).slice(0, 19)
        assert.match(
          record.audit.map(({ log, status }) => `${status} ${log}`).join(),
          new RegExp(`^PENDING Ends the access of request ${job.correlation_id}, due ${due}`)
        )
      })
    )

    test(
      "writes none for what does not end, or has not succeeded",
      Effect.gen(function* () {
        const forGood = yield* submitted({ duration_minutes: null })
        const removal = yield* submitted({ duration_minutes: 5, action: "remove" })
        for (const job of [forGood, removal]) yield* done(job, null)
        const failed = yield* submitted({ duration_minutes: 5 })
        yield* settle(yield* claimed(failed), refused)
        const back = yield* submitted({ duration_minutes: 5 })
        yield* settle(yield* claimed(back), Settlement.Requeued({ error: new Throttling(failure), delivery: 1 }))
        for (const job of [forGood, removal, failed, back]) assert.deepStrictEqual(yield* endsOf(job), [])
      })
    )

    test(
      "lets what failed, and yet may have been attached, end at once",
      Effect.gen(function* () {
        const store = yield* JobStore
        const overdue = (settlement: Settlement, noted: boolean | null) =>
          Effect.gen(function* () {
            const job = yield* submitted({ duration_minutes: 60 })
            const claim = yield* claimed(job)
            if (noted !== null) yield* store.noteBefore(claim, noted)
            yield* settle(claim, settlement)
            return (yield* endsOf(job)).map((it) => it.overdue)
          })
        assert.deepStrictEqual(yield* overdue(lostAnswer, false), [true])
        assert.deepStrictEqual(yield* overdue(refused, false), [])
        assert.deepStrictEqual(yield* overdue(lostAnswer, true), [])
        assert.deepStrictEqual(yield* overdue(lostAnswer, null), [])

        // An earlier claim of which nobody knows what it did.
        const job = yield* submitted({ duration_minutes: 60 })
        const first = yield* claimed(job)
        yield* store.noteBefore(first, false)
        yield* settle(first, Settlement.Released({ reason: "the worker shuts down", until: "next" }))
        yield* settle(yield* claimed(job), refused)
        const end = yield* endOf(job)
        assert.isDefined(yield* pushed(end))
        assert.deepStrictEqual(
          (yield* store.history(yield* claimed({ correlation_id: end.endId }))).map((it) => ({ ...it })),
          [{ _tag: "Granted", id: job.correlation_id, holds: "no more", attached: true }]
        )
      })
    )

    test(
      "lets what was rejected, or lost its workers, end at once where it may have been attached",
      Effect.gen(function* () {
        const store = yield* JobStore
        const rejected = yield* submitted({ duration_minutes: 60 })
        const claim = yield* claimed(rejected)
        yield* store.noteBefore(claim, false)
        yield* settle(claim, Settlement.Requeued({ error: new Timeout(failure), delivery: 1 }))
        yield* store.reject(rejected.correlation_id, "InvalidPayload: why")
        assert.isTrue((yield* endOf(rejected)).overdue)

        const lost = yield* submitted({ duration_minutes: 60 })
        yield* store.noteBefore(yield* claimed(lost), false)
        yield* store.recover(Duration.millis(-1_000), 1).pipe(Effect.repeat({ until: Option.isSome }))
        assert.isTrue((yield* endOf(lost)).overdue)
      })
    )

    test(
      "hides an end until it is due: from the claim, from the order on its key, and from the sweep",
      Effect.gen(function* () {
        const store = yield* JobStore
        const job = yield* granted({ client_request_id: "c-1" })
        const end = yield* endOf(job)
        assert.deepStrictEqual(yield* claimOf({ correlation_id: end.endId }), ClaimResult.Early())
        assert.isUndefined(yield* pushed(end))
        assert.notInclude((yield* store.orphans(Number.POSITIVE_INFINITY)).rebuilt.join(), end.endId)
        // Of the same time, the younger one is the one with the greater id.
        const younger = yield* submitted({
          principal: job.principal,
          correlation_id: `ffffffff${randomUUID().slice(8)}`
        })
        const claim = yield* claimed(younger)
        yield* settle(claim, Settlement.Released({ reason: "the worker shuts down", until: "next" }))

        const { endsAt, moved } = yield* dueNow(job)
        assert.isTrue(moved)
        const bytes = yield* pushed(end)
        assert.deepStrictEqual(
          Option.flatMap(yield* store.find(end.endId), (it) => it.payload),
          Option.fromUndefinedOr(bytes)
        )
        const { received_at, ...payload } = yield* decodePayload(bytes)
        assert.deepStrictEqual(payload, {
          correlation_id: end.endId,
          client_request_id: "c-1:expiry",
          target_cloud: "aws",
          account_id: job.account_id,
          principal: job.principal,
          principal_type: "User",
          action: "remove",
          entitlement: job.entitlement,
          entitlement_type: "default",
          parent_id: job.correlation_id
        })
        assert.strictEqual(Date.parse(String(received_at)), endsAt.epochMilliseconds)
        assert.notInclude((yield* store.orphans(Number.POSITIVE_INFINITY)).rebuilt.join(), end.endId)
        assert.deepStrictEqual(yield* claimOf(younger), ClaimResult.Blocked({ ahead: 1 }))
        const { ends } = yield* claimed({ correlation_id: end.endId })
        assert.strictEqual(ends?.grantId, job.correlation_id)
        assert.isAtLeast(ends?.overdue ?? -1, 0)
        assert.isBelow(ends?.overdue ?? Infinity, 60_000)
      })
    )

    test(
      "finds what is due once, and again only when its job is lost",
      Effect.gen(function* () {
        const job = yield* granted()
        const end = yield* dueNow(job)
        assert.isDefined(yield* pushed(end))
        assert.isUndefined(yield* pushed(end))
        assert.isUndefined(yield* pushed(end, (yield* Clock.currentTimeMillis) - 60_000))
        assert.isDefined(yield* pushed(end, Number.POSITIVE_INFINITY))
      })
    )

    test(
      "finds what is due once, however many look",
      Effect.gen(function* () {
        const jobs = yield* Effect.all(Array.from({ length: 10 }, () => granted()))
        const ends = yield* Effect.forEach(jobs, dueNow)
        const store = yield* JobStore
        const looks = yield* Effect.replicateEffect(store.due(never), 8, { concurrency: "unbounded" })
        const found = looks.flatMap(({ payloads }) => payloads).join()
        for (const { endId } of ends) assert.strictEqual(found.split(`"${endId}"`).length, 2)
      })
    )

    test(
      "tells when the next one is due",
      Effect.gen(function* () {
        yield* granted({ duration_minutes: 1 })
        const { next } = yield* (yield* JobStore).due(never)
        assert.isAtMost(Option.getOrThrow(next), 60_000)
        assert.isAbove(Option.getOrThrow(next), 0)
      })
    )

    test(
      "puts an end off, also one that was pushed, and lets it end early again",
      Effect.gen(function* () {
        const grants = yield* Grants
        const store = yield* JobStore
        const job = yield* granted()
        const before = (yield* endOf(job)).endsAt.epochMilliseconds
        const later = Option.getOrThrow(yield* grants.extend(job.correlation_id, 30, reason))
        assert.strictEqual(later.endsAt.epochMilliseconds, before + 30 * 60_000)
        const end = yield* dueNow(job)
        assert.isDefined(yield* pushed(end))
        const now = yield* Clock.currentTimeMillis
        const again = Option.getOrThrow(yield* grants.extend(end.endId, 10, reason))
        assert.closeTo(again.endsAt.epochMilliseconds, now + 600_000, 5_000)
        assert.deepStrictEqual(yield* claimOf({ correlation_id: end.endId }), ClaimResult.Early())
        assert.isUndefined(yield* pushed(end))
        yield* eventuallyLater(yield* Clock.currentTimeMillis)
        yield* dueNow(job)
        assert.isDefined(yield* pushed(end))
        const { audit } = Option.getOrThrow(yield* store.find(end.endId))
        assert.deepStrictEqual(
          audit.slice(1).map(({ log, status }) => [status, log]),
          [
            ["PENDING", extendedLog(30, reason)],
            ["PENDING", endedLog(reason)],
            ["PENDING", extendedLog(10, reason)],
            ["PENDING", endedLog(reason)]
          ]
        )
      })
    )

    test(
      "does not move an end that is under way or over, and knows none of others",
      Effect.gen(function* () {
        const grants = yield* Grants
        const job = yield* granted()
        const { endId } = yield* dueNow(job)
        const claim = yield* claimed({ correlation_id: endId })
        const move = Effect.map(grants.extend(job.correlation_id, 5, reason), (it) => {
          const { moved, status } = Option.getOrThrow(it)
          return [moved, status]
        })
        assert.deepStrictEqual(yield* move, [false, "IN_PROGRESS"])
        yield* settle(claim, refused)
        assert.deepStrictEqual(yield* move, [false, "FAILED"])
        assert.deepStrictEqual(
          (yield* endsOf(job)).map(({ overdue, status }) => [overdue, status]),
          [[true, "FAILED"]]
        )
        const plain = yield* submitted()
        for (const id of [plain.correlation_id, randomUUID()]) {
          assert.deepStrictEqual(yield* grants.end(id, reason), Option.none())
        }
      })
    )

    test(
      "tells of the end that it moved, when one of a try that failed before is over",
      Effect.gen(function* () {
        const grants = yield* Grants
        const store = yield* JobStore
        const job = yield* submitted({ duration_minutes: 60 })
        const claim = yield* claimed(job)
        yield* store.noteBefore(claim, false)
        // Of the same millisecond, either could come first.
        yield* eventuallyLater(yield* Clock.currentTimeMillis)
        yield* settle(claim, lostAnswer)
        const first = (yield* endOf(job)).endId
        yield* store.retry(job.correlation_id, "Retried")
        yield* done(job, null)
        yield* settle(yield* claimed({ correlation_id: first }), left)
        const before = yield* endOf(job)
        assert.notStrictEqual(before.endId, first)
        for (const minutes of [5, 10]) {
          const { endId, moved } = Option.getOrThrow(yield* grants.extend(job.correlation_id, minutes, reason))
          assert.deepStrictEqual([endId, moved], [before.endId, true])
        }
        const { endsAt } = yield* endOf(job)
        assert.strictEqual(endsAt.epochMilliseconds - before.endsAt.epochMilliseconds, 15 * 60_000)
      })
    )

    test(
      "notes once, and under the claim alone, whether a policy is attached",
      Effect.gen(function* () {
        const store = yield* JobStore
        const job = yield* submitted({ duration_minutes: 60 })
        const claim = yield* claimed(job)
        assert.isNull(claim.attachedBefore)
        assert.isTrue(yield* store.noteBefore(claim, false))
        assert.isTrue(yield* store.noteBefore(claim, true))
        yield* settle(claim, Settlement.Released({ reason: "the worker shuts down", until: "next" }))
        assert.isFalse(yield* store.noteBefore(claim, true))
        const second = yield* claimed(job)
        assert.isFalse(yield* store.noteBefore(claim, true))
        assert.isFalse(second.attachedBefore)
        assert.deepStrictEqual(yield* store.heartbeat([second]), [second.token])
        assert.isTrue(yield* settle(second, succeeded))
        assert.isFalse((yield* endOf(job)).attachedBefore)
      })
    )

    test(
      "tells what happened to an attachment, in the order in which it did",
      Effect.gen(function* () {
        const store = yield* JobStore
        const first = yield* granted()
        const on = { principal: first.principal }
        const other = { ...on, principal_type: "Role" } as const
        const second = yield* granted(on, true)
        yield* granted(other)
        const third = yield* submitted(on)
        yield* done(third, null)
        yield* ended(second, left)
        const failed = yield* submitted({ ...on, duration_minutes: 5 })
        yield* settle(yield* claimed(failed), refused)
        const removal = yield* submitted({ ...on, action: "remove" })
        yield* done(removal, null)
        const last = yield* granted(on, false)
        const { endId } = yield* dueNow(last)
        const asked = yield* claimed({ correlation_id: endId })
        const history = yield* store.history(asked)
        assert.deepStrictEqual(
          history.map((it) => (it._tag === "Granted" ? [it.id, it.holds, it.attached] : [it.id])),
          [
            [first.correlation_id, "until its end", true],
            [second.correlation_id, "no more", false],
            [third.correlation_id, "for good", true],
            [removal.correlation_id],
            [last.correlation_id, "no more", true]
          ]
        )
        const [age = -1] = history.flatMap((it) => (it._tag === "Detached" ? [it.age] : []))
        assert.isTrue(age >= 0 && age < 60_000)
        yield* settle(asked, succeeded)
        const next = yield* submitted({ ...on, duration_minutes: 5 })
        assert.deepStrictEqual(
          (yield* store.history(yield* claimed(next))).slice(-2).map((it) => [it._tag, it.id]),
          [
            ["Granted", last.correlation_id],
            ["Detached", endId]
          ]
        )
      })
    )

    test(
      "makes a client's id of 255 characters no longer",
      Effect.gen(function* () {
        const job = yield* granted({ client_request_id: "x".repeat(255) })
        const payload = yield* decodePayload(yield* pushed(yield* dueNow(job)))
        assert.strictEqual(payload["client_request_id"], `${"x".repeat(248)}:expiry`)
      })
    )
  })
