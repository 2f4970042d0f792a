import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option } from "effect"
import { TestClock, TestConsole } from "effect/testing"
import { AccessDenied, type AwsError, CredentialsInvalid, NoSuchEntity, Throttling } from "../../src/domain/AwsError.ts"
import type { Job } from "../../src/domain/Job.ts"
import { policyChange, type Principal } from "../../src/domain/PolicyChange.ts"
import { Settlement } from "../../src/domain/Settlement.ts"
import { AwsIamControl } from "../../src/layers/memory/AwsIamMemory.ts"
import { processJob } from "../../src/programs/processJob.ts"
import { pushDue } from "../../src/programs/loops/pushDue.ts"
import { repair } from "../../src/programs/verify/repair.ts"
import { verify } from "../../src/programs/verify/verify.ts"
import type { VerifyEvent } from "../../src/programs/verify/VerifyEvent.ts"
import { AccessRecords } from "../../src/services/AccessRecords.ts"
import { JobQueue } from "../../src/services/JobQueue.ts"
import { ClaimResult, JobStore } from "../../src/services/JobStore.ts"
import { Redis } from "../../src/services/Redis.ts"
import { aJob, bytes, queue, takeOne, waiting, withWorker } from "../fixture.ts"

const failure = { code: "Code", message: "why", operation: "ListAttachedUserPolicies" }
const [first, second, third] = ["111111111111", "222222222222", "333333333333"] as const
const anHour = { duration_minutes: 60 }

const submitted = Effect.fnUntraced(function* (fields: Partial<Job> = {}) {
  const job = aJob(fields)
  yield* (yield* JobStore).submit(job)
  yield* (yield* JobQueue).submit(bytes(job))
  return job
})
const deliver = Effect.flatMap(Effect.flatMap(JobQueue, takeOne), processJob)
const done = (fields: Partial<Job> = {}) => Effect.tap(submitted(fields), () => deliver)
/** IAM shows by now what was done. */
const later = TestClock.adjust("3 minutes")
const behindItsBack = (what: "attach" | "detach", job: Job) =>
  Effect.map(AwsIamControl, (aws) => aws[what](policyChange("aws", job)))
const meeting = (meet: (principal: Principal) => Effect.Effect<void, AwsError>) =>
  Effect.map(AwsIamControl, (aws) => aws.beforeListing(meet))
const listings = Effect.map(AwsIamControl, (aws) => aws.calls().filter((it) => it.startsWith("ListAttached")).length)

const all = { account: Option.none<string>(), after: Option.none<string>() }
const ann = { by: "ann", why: "OPS-17" }

/** Runs to its end, or for ten minutes. */
const run = Effect.fnUntraced(function* (asked: { readonly scope?: typeof all; readonly repair?: boolean } = {}) {
  const events: Array<VerifyEvent> = []
  const tell = (event: VerifyEvent) => Effect.sync(() => void events.push(event))
  const mend = asked.repair === true ? repair(ann) : () => Effect.succeed(null)
  const running = yield* Effect.forkChild(verify(asked.scope ?? all, asked.repair === true, mend, tell))
  for (let second = 0; second < 600 && running.pollUnsafe() === undefined; second++) {
    yield* TestClock.adjust("1 second")
  }
  const exit = yield* Effect.andThen(Fiber.interrupt(running), Fiber.await(running))
  const summary = events.flatMap((it) => (it._tag === "Done" ? [it.summary] : []))[0]
  return {
    exit,
    message: Option.getOrUndefined(Option.map(Exit.findErrorOption(exit), ({ message }) => message)),
    found: events.flatMap((it) => (it._tag === "Found" ? [it] : [])),
    kinds: events.flatMap((it) =>
      it._tag === "Found" ? [`${it.discrepancy.kind} ${it.discrepancy.attachment.principal}`] : []
    ),
    notVerified: events.flatMap((it) => (it._tag === "NotVerified" ? [it] : [])),
    accounts: events.flatMap((it) => (it._tag === "AccountDone" ? [it.accountId] : [])),
    summary
  }
})

const failedEnd = (fields: Partial<Job> = {}) =>
  Effect.gen(function* () {
    const grant = yield* done({ ...anHour, ...fields })
    yield* TestClock.adjust("1 hour")
    yield* pushDue
    const refused = new AccessDenied({ ...failure, operation: "DetachUserPolicy" })
    yield* Effect.map(AwsIamControl, (aws) => aws.obstruct({ when: "before", effect: Effect.fail(refused) }))
    yield* deliver
    return grant
  })

describe("a verification", () => {
  it.effect("finds nothing where only requests changed IAM", () =>
    Effect.gen(function* () {
      for (const principal of ["a", "b", "c", "d"]) yield* done({ principal })
      yield* done({ principal: "a", action: "remove" })
      yield* done({ ...anHour, principal: "b", entitlement: "Other" })
      yield* later
      const { exit, summary } = yield* run()
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepInclude(summary, { accounts: 1, compared: 5, missing: 0, unexpected: 0, ended: 0, notVerified: 0 })
    }).pipe(withWorker())
  )

  it.effect("finds what was detached and attached behind its back, and leaves alone what no request was about", () =>
    Effect.gen(function* () {
      yield* behindItsBack("detach", yield* done({ principal: "a" }))
      yield* done({ principal: "b" })
      yield* behindItsBack("attach", yield* done({ principal: "b", action: "remove" }))
      yield* behindItsBack("attach", aJob({ principal: "b", entitlement: "Other" }))
      yield* later
      const { kinds, message } = yield* run()
      assert.deepStrictEqual(kinds, ["missing a", "unexpected b"])
      assert.include(message, "2 findings, 0 accounts")
    }).pipe(withWorker())
  )

  it.effect("finds access whose end failed, or is overdue, and is still there", () =>
    Effect.gen(function* () {
      yield* failedEnd({ principal: "failed" })
      yield* behindItsBack("detach", yield* failedEnd({ principal: "gone" }))
      yield* done({ ...anHour, principal: "overdue" })
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual((yield* run()).kinds, ["ended failed"])
      yield* later
      assert.deepStrictEqual((yield* run()).kinds, ["ended failed", "ended overdue"])
    }).pipe(withWorker())
  )

  it.effect("says nothing of what is under way, or was just changed", () =>
    Effect.gen(function* () {
      yield* behindItsBack("detach", yield* done({ principal: "waits" }))
      yield* later
      yield* behindItsBack("detach", yield* done({ principal: "changed", account_id: second }))
      yield* submitted({ principal: "waits", action: "remove" })
      const { exit, summary } = yield* run()
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepInclude(summary?.notJudged, { "under way": 2 })
    }).pipe(withWorker())
  )

  it.effect("does not take for somebody else's doing what a worker does meanwhile", () =>
    Effect.gen(function* () {
      yield* done()
      yield* later
      const change = done({ action: "remove" })
      const context = yield* Effect.context<Effect.Services<typeof change>>()
      yield* meeting(() => Effect.asVoid(Effect.orDie(Effect.provide(change, context))))
      const { exit, summary } = yield* run()
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepInclude(summary?.notJudged, { "under way": 1 })
    }).pipe(withWorker())
  )

  it.effect("misses what a user who is gone was granted, and not what it lost", () =>
    Effect.gen(function* () {
      yield* done()
      yield* done({ entitlement: "Other", action: "remove" })
      yield* later
      yield* meeting(() => Effect.fail(new NoSuchEntity(failure)))
      const { found, kinds } = yield* run()
      assert.deepStrictEqual(kinds, ["missing alice"])
      assert.isFalse(found[0]?.discrepancy.principalExists)
    }).pipe(withWorker())
  )

  const threeAccounts = Effect.gen(function* () {
    for (const account_id of [third, first, second]) {
      yield* done({ account_id, principal: "a" })
      yield* done({ account_id, principal: "b" })
    }
    yield* later
  })

  it.effect("goes on with other accounts, and leaves one that cannot be entered after one try", () =>
    Effect.gen(function* () {
      yield* threeAccounts
      yield* meeting(({ accountId }) =>
        accountId === second ? Effect.fail(new AccessDenied({ ...failure, operation: "AssumeRole" })) : Effect.void
      )
      const { accounts, message, notVerified, summary } = yield* run()
      assert.deepStrictEqual(
        notVerified.map(({ _tag, ...it }) => it),
        [{ accountId: second, principal: null, reason: "Code: why (AssumeRole)" }]
      )
      assert.deepStrictEqual(accounts, [first, second, third])
      assert.deepInclude(summary, { accounts: 3, compared: 4, notVerified: 1 })
      assert.strictEqual(yield* listings, 5)
      assert.include(message, "0 findings, 1 accounts")
    }).pipe(withWorker())
  )

  it.effect("goes on with other principals of the account where one may not be read", () =>
    Effect.gen(function* () {
      yield* threeAccounts
      yield* meeting(({ principal }) => (principal === "a" ? Effect.fail(new AccessDenied(failure)) : Effect.void))
      const { notVerified, summary } = yield* run({ scope: { ...all, account: Option.some(second) } })
      assert.deepStrictEqual(
        notVerified.map(({ accountId, principal }) => [accountId, principal]),
        [[second, "a"]]
      )
      assert.deepInclude(summary, { accounts: 1, compared: 1 })
    }).pipe(withWorker())
  )

  it.effect("waits where AWS throttles, and gives an account up that stays so", () =>
    Effect.gen(function* () {
      yield* threeAccounts
      let tries = 0
      yield* meeting(({ accountId }) =>
        accountId === third || (accountId === first && ++tries < 4) ? Effect.fail(new Throttling(failure)) : Effect.void
      )
      const { notVerified, summary } = yield* run()
      assert.deepStrictEqual(
        notVerified.map(({ accountId, principal }) => [accountId, principal]),
        [[third, null]]
      )
      assert.deepInclude(summary, { compared: 4, notVerified: 1 })
      assert.strictEqual(yield* listings, 3 + 2 + 2 + 5)
    }).pipe(withWorker())
  )

  it.effect("asks for no more than ten principals a second", () =>
    Effect.gen(function* () {
      for (let index = 0; index < 25; index++) yield* done({ principal: `user-${index}` })
      yield* later
      const running = yield* Effect.forkChild(
        verify(
          all,
          false,
          () => Effect.succeed(null),
          () => Effect.void
        )
      )
      yield* TestClock.adjust("950 millis")
      assert.strictEqual(yield* listings, 10)
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(running)
    }).pipe(withWorker())
  )

  it.effect("says nothing of a user whom requests spell in several ways, which IAM does not tell apart", () =>
    Effect.gen(function* () {
      const granted = yield* done({ principal: "Alice" })
      yield* behindItsBack("detach", granted)
      yield* done({ principal: "alice", action: "remove" })
      yield* done({ principal: "BOB" })
      yield* behindItsBack("detach", yield* done({ principal: "bob", principal_type: "Role" }))
      yield* later
      const { kinds, summary } = yield* run({ repair: true })
      assert.deepStrictEqual(kinds, ["missing bob"])
      assert.deepInclude(summary, { compared: 3, submitted: 1 })
      assert.deepInclude(summary?.notJudged, { ambiguous: 1 })
    }).pipe(withWorker())
  )

  it.effect("says where to go on when it cannot, and goes on there", () =>
    Effect.gen(function* () {
      yield* threeAccounts
      yield* meeting(({ accountId }) =>
        accountId === second ? Effect.fail(new CredentialsInvalid(failure)) : Effect.void
      )
      const { accounts, message, summary } = yield* run()
      assert.deepStrictEqual([accounts, summary], [[first], undefined])
      assert.match(message ?? "", /^AWS refuses the worker's own credentials or clock: Code: why .*doctor$/)
      assert.deepStrictEqual(yield* TestConsole.errorLines, [`not finished: continue with --after ${first}`])
      yield* meeting(() => Effect.void)
      assert.deepStrictEqual((yield* run({ scope: { ...all, after: Option.some(first) } })).accounts, [second, third])
    }).pipe(withWorker())
  )

  it.effect("says where to go on when it is interrupted", () =>
    Effect.gen(function* () {
      yield* threeAccounts
      yield* meeting(({ accountId }) => (accountId === first ? Effect.never : Effect.void))
      assert.isUndefined((yield* run()).summary)
      yield* meeting(({ accountId }) => (accountId === third ? Effect.never : Effect.void))
      assert.deepStrictEqual((yield* run()).accounts, [first, second])
      assert.deepStrictEqual(yield* TestConsole.errorLines, [
        "not finished, and no account is complete: begin again",
        `not finished: continue with --after ${second}`
      ])
    }).pipe(withWorker())
  )

  it.effect("goes on behind no account that cannot be one", () =>
    Effect.gen(function* () {
      yield* done({ account_id: first })
      const forged = aJob({ account_id: "112\u001B[2J" })
      const store = yield* JobStore
      yield* store.submit(forged)
      const result = Option.getOrThrow(yield* store.claim(forged, { workerId: "w-1", take: "1" }, waiting))
      const applied = Settlement.Succeeded({ requestId: Option.none(), effected: "applied" })
      yield* store.settle(ClaimResult.$is("Claimed")(result) ? result.claim : assert.fail(), applied)
      yield* done({ account_id: second })
      yield* later
      yield* meeting(({ accountId }) =>
        accountId === second ? Effect.fail(new CredentialsInvalid(failure)) : Effect.void
      )
      assert.deepStrictEqual((yield* run()).accounts, [first, forged.account_id])
      assert.deepStrictEqual(yield* TestConsole.errorLines, [`not finished: continue with --after ${first}`])
    }).pipe(withWorker())
  )

  it.effect("is refused, with what to do, where rows do not say enough or the role may not do what it takes", () =>
    Effect.gen(function* () {
      const refusal = (records: Partial<AccessRecords["Service"]>, repairs: boolean) =>
        run({ repair: repairs }).pipe(
          Effect.map(({ message }) => message ?? ""),
          Effect.provide(
            Layer.effect(
              AccessRecords,
              Effect.map(AccessRecords, (it) => ({ ...it, ...records }))
            )
          )
        )
      const rights = (reads: boolean, submits: boolean) => ({ rights: Effect.succeed({ role: "me", reads, submits }) })
      assert.match(
        yield* refusal({ complete: false }, false),
        /^cannot verify: .* a legacy database cannot be verified$/
      )
      assert.match(yield* refusal(rights(false, true), false), /^me may not read .*Connect as the worker's role/)
      assert.match(yield* refusal(rights(false, true), true), /CREATE ROLE csb_operator/)
      assert.match(yield* refusal(rights(true, false), true), /^--repair submits requests, and me .*CREATE ROLE/)
      assert.strictEqual(yield* refusal(rights(true, false), false), "")
    }).pipe(withWorker())
  )
})

describe("a repair", () => {
  const queued = Effect.flatMap(Redis, (redis) =>
    Effect.map(redis.list(queue), (all) => all.map((it): Job => JSON.parse(Buffer.from(it).toString())))
  )

  it.effect("submits ordinary requests in the name of who asks, after which IAM is as the records say", () =>
    Effect.gen(function* () {
      yield* behindItsBack("detach", yield* done({ principal: "missing" }))
      yield* behindItsBack("attach", yield* done({ principal: "unexpected", action: "remove" }))
      yield* failedEnd({ principal: "ended" })
      yield* later
      const { found } = yield* run({ repair: true })
      const jobs = yield* queued
      assert.sameMembers(
        jobs.map((it) => `${it.action} ${it.principal} ${it.entitlement} ${it.duration_minutes ?? "for good"}`),
        [
          "add missing ReadOnlyAccess for good",
          "remove unexpected ReadOnlyAccess for good",
          "remove ended ReadOnlyAccess for good"
        ]
      )
      assert.sameMembers(
        found.map(({ repair: it }) => it?.request),
        jobs.map((it) => it.correlation_id)
      )
      for (const { correlation_id } of jobs) {
        const { audit } = Option.getOrThrow(yield* (yield* JobStore).find(correlation_id))
        assert.strictEqual(audit[0]?.log, "Submitted by ann: OPS-17")
      }
      // A second one while they wait would be one too many.
      assert.deepStrictEqual((yield* run({ repair: true })).kinds, [])
      for (const _ of jobs) yield* deliver
      yield* later
      assert.isTrue(Exit.isSuccess((yield* run()).exit))
    }).pipe(withWorker())
  )

  it.effect("gives access for a time back for what is left of it, in whole minutes, and not for less than one", () =>
    Effect.gen(function* () {
      yield* behindItsBack("detach", yield* done({ ...anHour, principal: "a" }))
      yield* TestClock.adjust("30.5 minutes")
      yield* run({ repair: true })
      assert.deepStrictEqual(
        (yield* queued).map((it) => [it.action, it.duration_minutes]),
        [["add", 29]]
      )
      yield* deliver

      yield* behindItsBack("detach", yield* done({ ...anHour, principal: "b" }))
      yield* TestClock.adjust("59.5 minutes")
      const { found } = yield* run({ repair: true, scope: all })
      assert.deepInclude(
        found.map(({ discrepancy, repair: it }) => [discrepancy.attachment.principal, it?.note]),
        ["b", "nothing submitted: it ends in less than a minute"]
      )
    }).pipe(withWorker())
  )

  it.effect("gives back for good what is granted for good and for a time", () =>
    Effect.gen(function* () {
      yield* done()
      yield* behindItsBack("detach", yield* done(anHour))
      yield* later
      yield* run({ repair: true })
      assert.deepStrictEqual(
        (yield* queued).map((it) => [it.action, it.duration_minutes]),
        [["add", undefined]]
      )
    }).pipe(withWorker())
  )

  it.effect("leaves to the workers what they do anyway, and what nobody can do", () =>
    Effect.gen(function* () {
      yield* done({ ...anHour, principal: "overdue" })
      yield* TestClock.adjust("1 hour")
      yield* done({ principal: "gone" })
      yield* later
      yield* meeting(({ principal }) => (principal === "gone" ? Effect.fail(new NoSuchEntity(failure)) : Effect.void))
      const { found, summary } = yield* run({ repair: true })
      assert.deepStrictEqual(yield* queued, [])
      assert.deepInclude(summary, { missing: 1, ended: 1, submitted: 0 })
      assert.match(
        found.map(({ repair: it }) => it?.note).join("\n"),
        /no such user or role\n.*a running worker takes it away/
      )
    }).pipe(withWorker())
  )
})
