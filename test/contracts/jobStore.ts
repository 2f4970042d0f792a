import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Duration, Effect, type Layer, Option, Schedule, Schema } from "effect"
import { Throttling, Timeout } from "../../src/domain/AwsError.ts"
import {
  auditLog,
  JobRejected,
  lostTooManyLog,
  recoveredLog,
  Settlement,
  WorkerDefect
} from "../../src/domain/Settlement.ts"
import {
  type Claim,
  ClaimResult,
  JobStore,
  RetryResult,
  type Standing,
  type Waiting
} from "../../src/services/JobStore.ts"
import { aJob, waiting } from "../fixture.ts"

/** The store as the API's role sees it: it may submit. */
export class ApiStore extends Context.Service<ApiStore, JobStore["Service"]>()("test/ApiStore") {}

export interface StoreFlavour {
  readonly labels: Readonly<Record<"PENDING" | "IN_PROGRESS" | "SUCCESS" | "FAILED", string>>
  /** Whether the optional columns exist. */
  readonly optionalColumns: boolean
}

/** Until the clock has moved on. */
export const eventuallyLater = (millis: number) =>
  Effect.repeat(Clock.currentTimeMillis, { until: (now) => now > millis + 1, schedule: Schedule.spaced("1 millis") })

const byId = (standings: ReadonlyArray<Standing>) =>
  standings.toSorted((a, b) => (a.correlationId < b.correlationId ? -1 : 1))

/** What every `JobStore` does. */
export const jobStoreContract = (
  name: string,
  flavour: StoreFlavour,
  layer: Layer.Layer<JobStore | ApiStore, unknown>
) =>
  describe(`JobStore: ${name}`, () => {
    const { labels } = flavour
    const test = (title: string, body: Effect.Effect<void, unknown, JobStore | ApiStore>) =>
      it.live(title, () => Effect.provide(body, layer))

    const submitted = (fields: Parameters<typeof aJob>[0] = {}) =>
      Effect.gen(function* () {
        // Each on a key of its own, unless the test is about that.
        const job = aJob({ principal: `user-${randomUUID()}`, ...fields })
        yield* (yield* ApiStore).submit(job)
        return job
      })
    const claimAs = (job: ReturnType<typeof aJob>, workerId: string, take = "1") =>
      Effect.flatMap(JobStore, (store) => store.claim(job, { workerId, take }, waiting))
    const claimed = (job: ReturnType<typeof aJob>, workerId = "w-1", take = "1") =>
      Effect.map(claimAs(job, workerId, take), (result): Claim => {
        const found = Option.getOrThrow(result)
        assert.strictEqual(found._tag, "Claimed")
        return found._tag === "Claimed" ? found.claim : assert.fail()
      })
    const settle = (claim: Claim, settlement: Settlement) =>
      Effect.flatMap(JobStore, (store) => store.settle(claim, settlement))
    const recordOf = (job: ReturnType<typeof aJob>) =>
      Effect.flatMap(JobStore, (store) => Effect.map(store.find(job.correlation_id), Option.getOrThrow))
    /** Status, and the audit trail as pairs. */
    const trailOf = (job: ReturnType<typeof aJob>) =>
      Effect.map(recordOf(job), ({ audit, status }) => ({ status, audit: audit.map((it) => [it.status, it.log]) }))

    const submittedEntry = [labels.PENDING, "Submitted"]
    const claimedEntry = (delivery: number, workerId = "w-1", take = "1") => [
      labels.IN_PROGRESS,
      `Delivery ${delivery}, claimed by ${workerId} (take ${take})`
    ]
    const throttled = new Throttling({ code: "Throttling", message: "Rate exceeded", operation: "AttachUserPolicy" })

    test(
      "writes a request that somebody asks for by hand with who and why",
      Effect.gen(function* () {
        const job = aJob({ principal: `user-${randomUUID()}` })
        yield* (yield* ApiStore).submit(job, { by: "ann", why: "it's $1; --" })
        assert.strictEqual((yield* recordOf(job)).audit[0]?.log, "Submitted by ann: it's $1; --")
      })
    )
    const succeeded = Settlement.Succeeded({ requestId: Option.some("r-1"), effected: "applied" })
    const requeued = (delivery: number) => Settlement.Requeued({ error: throttled, delivery })
    const released = Settlement.Released({ reason: "the worker shuts down", until: "next" })

    test(
      "claims a pending request once, with an audit row",
      Effect.gen(function* () {
        const job = yield* submitted()
        const claim = yield* claimed(job)
        assert.strictEqual(claim.correlationId, job.correlation_id)
        assert.strictEqual(claim.delivery, 1)
        assert.deepInclude(claim.row, {
          principal: job.principal,
          action: "add",
          entitlement: "ReadOnlyAccess",
          account_id: "123456789012"
        })
        assert.deepStrictEqual(yield* trailOf(job), {
          status: labels.IN_PROGRESS,
          audit: [submittedEntry, claimedEntry(1)]
        })
        assert.deepStrictEqual(
          yield* claimAs(job, "w-2"),
          Option.some(ClaimResult.NotPending({ status: labels.IN_PROGRESS }))
        )
        assert.strictEqual((yield* trailOf(job)).audit.length, 2)
      })
    )

    test(
      "lets one of many win",
      Effect.gen(function* () {
        const job = yield* submitted()
        const results = yield* Effect.forEach(
          Array.from({ length: 20 }, (_, index) => `w-${index}`),
          (worker) => claimAs(job, worker),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(results.filter((it) => Option.getOrThrow(it)._tag === "Claimed").length, 1)
        assert.strictEqual((yield* trailOf(job)).audit.length, 2)
      })
    )

    test(
      "knows no request that is not there",
      Effect.gen(function* () {
        const job = aJob()
        const store = yield* JobStore
        assert.deepStrictEqual(yield* claimAs(job, "w-1"), Option.none())
        assert.deepStrictEqual(yield* store.find(job.correlation_id), Option.none())
        assert.deepStrictEqual(yield* store.reject(job.correlation_id, "why"), Option.none())
      })
    )

    test(
      "answers a repeated claim of the same take as before",
      Effect.gen(function* () {
        const job = yield* submitted()
        const first = yield* claimed(job, "w-1", "7")
        assert.deepStrictEqual(yield* claimed(job, "w-1", "7"), first)
        assert.strictEqual((yield* trailOf(job)).audit.length, 2)
        // Another delivery to the same worker is a duplicate, and a take number that ends alike is another one.
        for (const take of ["8", "17"]) {
          assert.strictEqual(Option.getOrThrow(yield* claimAs(job, "w-1", take))._tag, "NotPending")
        }
      })
    )

    if (flavour.optionalColumns) {
      test(
        "fills open columns from the payload",
        Effect.gen(function* () {
          const job = yield* submitted()
          const { row } = yield* claimed({ ...job, principal_type: "User", duration_minutes: 30 })
          assert.deepInclude(row, { principal_type: "User", entitlement_type: "default", duration_minutes: 30 })
          assert.deepStrictEqual((yield* recordOf(job)).row, row)
        })
      )

      test(
        "leaves filled columns, and open ones when the payload is another's",
        Effect.gen(function* () {
          const job = yield* submitted({ duration_minutes: 5 })
          const { row } = yield* claimed({ ...job, duration_minutes: 30, principal_type: "Role" })
          assert.deepInclude(row, { principal_type: "User", duration_minutes: 5 })
          const other = yield* submitted()
          const tampered = yield* claimed({ ...other, principal: "mallory", duration_minutes: 30 })
          assert.deepInclude(tampered.row, { principal: other.principal, duration_minutes: null })
        })
      )
    } else {
      test(
        "has no optional columns to tell",
        Effect.gen(function* () {
          const job = yield* submitted({ duration_minutes: 5 })
          const { row } = yield* claimed(job)
          assert.deepInclude(row, { principal_type: null, entitlement_type: null, duration_minutes: null })
        })
      )
    }

    test(
      "records success with AWS's request id",
      Effect.gen(function* () {
        const job = yield* submitted()
        assert.isTrue(yield* settle(yield* claimed(job), succeeded))
        const record = yield* recordOf(job)
        assert.deepStrictEqual(record.references, ["r-1"])
        assert.isTrue(Option.isSome(record.updatedAt))
        assert.deepStrictEqual(yield* trailOf(job), {
          status: labels.SUCCESS,
          audit: [submittedEntry, claimedEntry(1), [labels.SUCCESS, "Policy applied, AWS request r-1"]]
        })
      })
    )

    test(
      "records success without a request id, and takes 52 characters for one",
      Effect.gen(function* () {
        const [without, long] = [yield* submitted(), yield* submitted()]
        yield* settle(yield* claimed(without), Settlement.Succeeded({ requestId: Option.none(), effected: "applied" }))
        assert.deepStrictEqual((yield* recordOf(without)).references, [])
        const id = "x".repeat(52)
        yield* settle(yield* claimed(long), Settlement.Succeeded({ requestId: Option.some(id), effected: "found so" }))
        assert.deepStrictEqual((yield* recordOf(long)).references, [id])
      })
    )

    test(
      "records failure with the error, whatever it contains",
      Effect.gen(function* () {
        const job = yield* submitted()
        const error = new JobRejected({
          code: "PayloadMismatch",
          message: 'it\'s a "%s" \\ $1 \u0000 \n line; DROP TABLE x'
        })
        const settlement = Settlement.Failed({ error })
        assert.isTrue(yield* settle(yield* claimed(job), settlement))
        const { audit, status } = yield* trailOf(job)
        assert.strictEqual(status, labels.FAILED)
        assert.deepStrictEqual(audit.at(-1), [labels.FAILED, auditLog(settlement)])
        assert.deepStrictEqual((yield* recordOf(job)).references, [])
      })
    )

    test(
      "counts deliveries that ended transiently, and no others",
      Effect.gen(function* () {
        const job = yield* submitted()
        yield* settle(yield* claimed(job, "w-1", "1"), requeued(1))
        const second = yield* claimed(job, "w-2", "2")
        assert.strictEqual(second.delivery, 2)
        yield* settle(second, released)
        const again = yield* claimed(job, "w-3", "3")
        assert.strictEqual(again.delivery, 2)
        yield* settle(again, requeued(2))
        assert.strictEqual((yield* claimed(job, "w-4", "4")).delivery, 3)
        assert.deepStrictEqual(
          (yield* trailOf(job)).audit.map(([status]) => status),
          [
            labels.PENDING,
            labels.IN_PROGRESS,
            labels.PENDING,
            labels.IN_PROGRESS,
            labels.PENDING,
            labels.IN_PROGRESS,
            labels.PENDING,
            labels.IN_PROGRESS
          ]
        )
      })
    )

    test(
      "lets a claim settle once, and answers a repetition as before",
      Effect.gen(function* () {
        for (const settlement of [succeeded, Settlement.Failed({ error: throttled }), requeued(1), released]) {
          const job = yield* submitted()
          const claim = yield* claimed(job)
          assert.isTrue(yield* settle(claim, settlement))
          const after = yield* recordOf(job)
          assert.isTrue(yield* settle(claim, settlement))
          assert.deepStrictEqual(yield* recordOf(job), after)
          assert.isFalse(
            yield* settle(
              claim,
              Settlement.Failed({ error: new JobRejected({ code: "PayloadMismatch", message: "" }) })
            )
          )
          assert.deepStrictEqual(yield* recordOf(job), after)
        }
      })
    )

    test(
      "lets no claim settle after a newer one",
      Effect.gen(function* () {
        const job = yield* submitted()
        const old = yield* claimed(job, "w-1")
        yield* settle(old, released)
        const newer = yield* claimed(job, "w-2")
        const before = yield* recordOf(job)
        for (const settlement of [succeeded, Settlement.Failed({ error: throttled }), requeued(1)]) {
          assert.isFalse(yield* settle(old, settlement))
        }
        assert.deepStrictEqual(yield* recordOf(job), before)
        assert.isTrue(yield* settle(newer, succeeded))
        assert.isFalse(yield* settle(old, Settlement.Failed({ error: throttled })))
        assert.strictEqual((yield* recordOf(job)).status, labels.SUCCESS)
      })
    )

    test(
      "rejects a pending request, and nothing else",
      Effect.gen(function* () {
        const store = yield* JobStore
        const job = yield* submitted()
        assert.deepStrictEqual(
          yield* store.reject(job.correlation_id, "InvalidPayload: why"),
          Option.some(labels.PENDING)
        )
        const after = yield* trailOf(job)
        assert.deepStrictEqual(after, {
          status: labels.FAILED,
          audit: [submittedEntry, [labels.FAILED, "InvalidPayload: why"]]
        })
        assert.deepStrictEqual(yield* store.reject(job.correlation_id, "again"), Option.some(labels.FAILED))
        assert.deepStrictEqual(yield* trailOf(job), after)
        const busy = yield* submitted()
        yield* claimed(busy)
        assert.deepStrictEqual(yield* store.reject(busy.correlation_id, "why"), Option.some(labels.IN_PROGRESS))
        assert.strictEqual((yield* recordOf(busy)).status, labels.IN_PROGRESS)
      })
    )

    const blockedBy = (job: ReturnType<typeof aJob>, settings: Partial<Waiting> = {}) =>
      Effect.gen(function* () {
        const result = yield* (yield* JobStore).claim(
          job,
          { workerId: "w-9", take: randomUUID() },
          { ...waiting, ...settings }
        )
        const found = Option.getOrThrow(result)
        return found._tag === "Blocked" ? found.ahead : found._tag
      })
    /** Requests on one key, the oldest first. */
    const onOneKey = (count: number) =>
      Effect.gen(function* () {
        const principal = `user-${randomUUID()}`
        // In milliseconds of their own: a `Date` knows no less, though PostgreSQL does.
        return yield* Effect.forEach(Array.from({ length: count }), () =>
          Effect.andThen(Effect.flatMap(Clock.currentTimeMillis, eventuallyLater), submitted({ principal }))
        )
      })

    test(
      "keeps the order of requests on one key, whatever becomes of the older ones",
      Effect.gen(function* () {
        const [first = aJob(), second = aJob(), third = aJob()] = yield* onOneKey(3)
        assert.deepStrictEqual([yield* blockedBy(third), yield* blockedBy(second)], [2, 1])
        const before = yield* recordOf(second)
        const claim = yield* claimed(first)
        assert.deepStrictEqual([yield* blockedBy(third), yield* blockedBy(second)], [2, 1])
        assert.deepStrictEqual(yield* recordOf(second), before)
        yield* settle(claim, requeued(1))
        assert.strictEqual(yield* blockedBy(second), 1)
        yield* settle(yield* claimed(first, "w-2", "2"), Settlement.Failed({ error: throttled }))
        const next = yield* claimed(second)
        assert.strictEqual(yield* blockedBy(third), 1)
        yield* settle(next, succeeded)
        yield* claimed(third)
      })
    )

    test(
      "lets no two requests on one key be in progress at once, even the older one of them",
      Effect.gen(function* () {
        const [first = aJob(), second = aJob()] = yield* onOneKey(2)
        const past = { orphansBefore: Number.POSITIVE_INFINITY }
        // The older one looks like one without a job: if it cannot get a new one, the younger one goes first.
        assert.strictEqual(yield* blockedBy(second, past), flavour.optionalColumns ? 1 : "Claimed")
        if (flavour.optionalColumns) return
        assert.strictEqual(yield* blockedBy(first, past), 1)
      })
    )

    test(
      "holds no other key up",
      Effect.gen(function* () {
        const job = yield* submitted()
        for (const other of [
          { principal: `user-${randomUUID()}` },
          { principal: job.principal, entitlement: "SecurityAudit" },
          { principal: job.principal, account_id: "210987654321" }
        ]) {
          yield* claimed(yield* submitted(other))
        }
      })
    )

    test(
      "touches a request that is held up once it was not touched for long, and no sooner",
      Effect.gen(function* () {
        const [, second = aJob()] = yield* onOneKey(2)
        assert.strictEqual(yield* blockedBy(second), 1)
        assert.deepStrictEqual((yield* recordOf(second)).updatedAt, Option.none())
        // A past that has not come yet is long enough ago.
        assert.strictEqual(yield* blockedBy(second, { keepFresh: Duration.millis(-60_000) }), 1)
        assert.isTrue(Option.isSome((yield* recordOf(second)).updatedAt))
        assert.strictEqual((yield* trailOf(second)).audit.length, 1)
      })
    )

    const touchedAt = (job: ReturnType<typeof aJob>) =>
      Effect.map(recordOf(job), ({ updatedAt }) => Option.getOrThrow(updatedAt).epochMilliseconds)

    test(
      "keeps alive what a worker holds, and tells what it holds no more",
      Effect.gen(function* () {
        const store = yield* JobStore
        const [job, other, done] = [yield* submitted(), yield* submitted(), yield* submitted()]
        const [claim, lost, finished] = [yield* claimed(job), yield* claimed(other), yield* claimed(done)]
        yield* settle(lost, released)
        const newer = yield* claimed(other, "w-2")
        yield* settle(finished, succeeded)
        const before = [yield* touchedAt(job), yield* touchedAt(other), yield* touchedAt(done)]
        yield* eventuallyLater(before[0] ?? 0)
        assert.deepStrictEqual(yield* store.heartbeat([claim, lost, finished]), [claim.token])
        const after = [yield* touchedAt(job), yield* touchedAt(other), yield* touchedAt(done)]
        assert.isAbove(after[0] ?? 0, before[0] ?? 0)
        assert.deepStrictEqual(after.slice(1), before.slice(1))
        assert.deepStrictEqual(yield* store.heartbeat([]), [])
        assert.isTrue(yield* settle(newer, succeeded))
      })
    )

    const recoveredOf = (lease: number, ...jobs: ReadonlyArray<ReturnType<typeof aJob>>) =>
      Effect.gen(function* () {
        const found = yield* (yield* JobStore).recover(Duration.millis(lease), 3).pipe(
          // Tests of this file run one after another, but others may sweep: then it is their turn.
          Effect.repeat({ until: Option.isSome })
        )
        const ids = new Set(jobs.map((job) => job.correlation_id))
        return Option.getOrThrow(Option.filter(found, () => true)).filter((it) => ids.has(it.correlationId))
      })

    test(
      "recovers what was not touched for a lease, and fails what has lost three workers",
      Effect.gen(function* () {
        const store = yield* JobStore
        const [job, waits] = [yield* submitted(), yield* submitted()]
        const claim = yield* claimed(job)
        assert.deepStrictEqual(yield* recoveredOf(60_000, job, waits), [])
        const id = job.correlation_id
        assert.deepStrictEqual(yield* recoveredOf(-1_000, job, waits), [{ correlationId: id, status: "PENDING" }])
        assert.deepStrictEqual((yield* trailOf(job)).audit.at(-1), [labels.PENDING, recoveredLog])

        // Whoever wakes up after that changes nothing.
        const before = yield* recordOf(job)
        assert.deepStrictEqual(yield* store.heartbeat([claim]), [])
        assert.isFalse(yield* settle(claim, succeeded))
        assert.deepStrictEqual(yield* recordOf(job), before)

        const second = yield* claimed(job, "w-2")
        assert.deepInclude(second, { delivery: 1, losses: 1, doubtful: true })
        yield* recoveredOf(-1_000, job)
        assert.strictEqual((yield* claimed(job, "w-3")).losses, 2)
        assert.deepStrictEqual(yield* recoveredOf(-1_000, job, waits), [{ correlationId: id, status: "FAILED" }])
        assert.deepStrictEqual((yield* trailOf(job)).audit.at(-1), [labels.FAILED, lostTooManyLog])
        assert.deepStrictEqual(
          yield* store.standings([id, waits.correlation_id, randomUUID()]).pipe(Effect.map(byId)),
          [
            { correlationId: id, status: "FAILED", lostTooMany: true },
            { correlationId: waits.correlation_id, status: "PENDING", lostTooMany: false }
          ].toSorted((a, b) => (a.correlationId < b.correlationId ? -1 : 1))
        )
      })
    )

    test(
      "knows after which ends of a claim AWS may have acted",
      Effect.gen(function* () {
        const lostAnswer = new Timeout({ code: "ECONNRESET", message: "", operation: "AttachUserPolicy" })
        for (const [settlement, doubtful] of [
          [requeued(1), false],
          [Settlement.Requeued({ error: lostAnswer, delivery: 1 }), true],
          [Settlement.Requeued({ error: new WorkerDefect({ message: "a bug" }), delivery: 1 }), true],
          [released, true]
        ] as const) {
          const job = yield* submitted()
          assert.isFalse((yield* claimed(job)).doubtful)
          yield* settle(yield* claimed(job), settlement)
          assert.strictEqual((yield* claimed(job, "w-2")).doubtful, doubtful)
        }
      })
    )

    test(
      "tells when the oldest of some requests was made",
      Effect.gen(function* () {
        const store = yield* JobStore
        const [older, younger] = [yield* submitted(), yield* submitted()]
        const oldest = yield* store.oldestOf([younger.correlation_id, older.correlation_id, randomUUID()])
        const { requestedAt } = yield* recordOf(older)
        assert.strictEqual(Math.floor(Option.getOrThrow(oldest)), Option.getOrThrow(requestedAt).epochMilliseconds)
        assert.deepStrictEqual(yield* store.oldestOf([randomUUID()]), Option.none())
        assert.deepStrictEqual(yield* store.oldestOf([]), Option.none())
      })
    )

    const decodePayload = Schema.decodeUnknownEffect(
      Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown))
    )

    test(
      "rebuilds the payloads of pending requests that lie untouched, once, where the row says enough",
      Effect.gen(function* () {
        const store = yield* JobStore
        const job = yield* submitted({ client_request_id: "c-1", duration_minutes: 5 })
        const busy = yield* submitted()
        yield* claimed(busy)
        const madeAt = Option.getOrThrow((yield* recordOf(job)).requestedAt).epochMilliseconds
        assert.notInclude((yield* store.orphans(madeAt)).rebuilt.join(), job.correlation_id)
        const before = yield* trailOf(job)
        yield* eventuallyLater(madeAt)
        const found = yield* store.orphans(madeAt + 1)
        const payload = found.rebuilt.find((it) => it.includes(job.correlation_id))
        assert.notInclude(found.rebuilt.join(), busy.correlation_id)
        // For who retries it by hand.
        assert.deepStrictEqual((yield* recordOf(job)).payload, Option.fromUndefinedOr(payload))
        if (!flavour.optionalColumns) {
          assert.deepStrictEqual(found.rebuilt, [])
          assert.isAtLeast(found.left, 1)
          return
        }
        const { received_at, ...fields } = yield* decodePayload(payload)
        assert.deepStrictEqual(fields, {
          correlation_id: job.correlation_id,
          client_request_id: "c-1",
          target_cloud: "aws",
          account_id: job.account_id,
          principal: job.principal,
          principal_type: job.principal_type,
          action: job.action,
          entitlement: job.entitlement,
          entitlement_type: job.entitlement_type,
          duration_minutes: 5
        })
        assert.strictEqual(Date.parse(String(received_at)), madeAt)
        assert.notInclude((yield* store.orphans(madeAt + 1)).rebuilt.join(), job.correlation_id)
        assert.deepStrictEqual(yield* trailOf(job), before)
      })
    )

    test(
      "puts a failed request back, once, and keeps its trail",
      Effect.gen(function* () {
        const store = yield* JobStore
        const job = yield* submitted()
        const id = job.correlation_id
        const retry = store.retry(id, "Retried by ann: 'outage'; -- over")
        const notFailed = (status: keyof typeof labels) =>
          Option.some(RetryResult.NotFailed({ status: labels[status] }))
        assert.deepStrictEqual(yield* retry, notFailed("PENDING"))
        const claim = yield* claimed(job)
        assert.deepStrictEqual(yield* retry, notFailed("IN_PROGRESS"))
        yield* settle(claim, Settlement.Failed({ error: throttled }))
        const before = yield* trailOf(job)
        const results = yield* Effect.all([retry, retry, retry], { concurrency: "unbounded" })
        assert.sameDeepMembers(results, [
          Option.some(RetryResult.Retried()),
          notFailed("PENDING"),
          notFailed("PENDING")
        ])
        assert.deepStrictEqual(yield* trailOf(job), {
          status: labels.PENDING,
          audit: [...before.audit, [labels.PENDING, "Retried by ann: 'outage'; -- over"]]
        })
        assert.isFalse(yield* settle(claim, succeeded))
        yield* settle(yield* claimed(job, "w-2"), succeeded)
        assert.deepStrictEqual(yield* retry, notFailed("SUCCESS"))
        assert.deepStrictEqual(yield* store.retry(randomUUID(), "why"), Option.none())
      })
    )

    test(
      "puts no request back that a later one on its key has overtaken",
      Effect.gen(function* () {
        const store = yield* JobStore
        const [first = aJob(), second = aJob(), third = aJob()] = yield* onOneKey(3)
        const retry = (job: ReturnType<typeof aJob>) =>
          Effect.map(store.retry(job.correlation_id, "Retried"), (result) => Option.getOrThrow(result))
        const fail = (job: ReturnType<typeof aJob>) =>
          Effect.flatMap(claimed(job, "w-1", randomUUID()), (claim) =>
            settle(claim, Settlement.Failed({ error: throttled }))
          )
        yield* fail(first)
        // What waits behind it goes on waiting, and what failed does not count.
        assert.deepStrictEqual(yield* retry(first), RetryResult.Retried())
        assert.strictEqual(yield* blockedBy(second), 1)
        yield* fail(first)
        yield* fail(second)
        const claim = yield* claimed(third)
        const overtaken = (status: keyof typeof labels) =>
          RetryResult.Overtaken({ by: third.correlation_id, status: labels[status] })
        const before = yield* recordOf(second)
        assert.deepStrictEqual(yield* retry(second), overtaken("IN_PROGRESS"))
        yield* settle(claim, succeeded)
        assert.deepStrictEqual(yield* retry(first), overtaken("SUCCESS"))
        assert.deepStrictEqual(yield* recordOf(second), before)
      })
    )

    test(
      "counts what is in flight for each account, the busiest first",
      Effect.gen(function* () {
        const store = yield* JobStore
        const accounts = { busy: "777777777771", calm: "777777777772" }
        for (const account_id of [accounts.calm, accounts.busy, accounts.busy]) {
          yield* claimed(yield* submitted({ account_id }))
        }
        yield* submitted({ account_id: accounts.calm })
        yield* settle(yield* claimed(yield* submitted({ account_id: accounts.calm })), succeeded)
        const ours = new Set(Object.values(accounts))
        assert.deepStrictEqual(
          (yield* store.inFlight).filter(({ accountId }) => ours.has(accountId)),
          [
            { accountId: accounts.busy, count: 2 },
            { accountId: accounts.calm, count: 1 }
          ]
        )
      })
    )

    test(
      "tells what the labels mean, and the client's id of a request",
      Effect.gen(function* () {
        const job = yield* submitted({ client_request_id: "c-7" })
        const told = Effect.map(recordOf(job), ({ clientRequestId, standing }) => [clientRequestId, standing])
        assert.deepStrictEqual(yield* told, ["c-7", "PENDING"])
        const claim = yield* claimed(job)
        assert.deepStrictEqual(yield* told, ["c-7", "IN_PROGRESS"])
        yield* settle(claim, succeeded)
        assert.deepStrictEqual(yield* told, ["c-7", "SUCCESS"])
      })
    )

    test(
      "answers a ping",
      Effect.flatMap(JobStore, (store) => store.ping)
    )
    test(
      "finds nothing by an id that nobody has",
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* (yield* JobStore).find(randomUUID()), Option.none())
      })
    )
  })
