import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Metric, Option } from "effect"
import { TestClock } from "effect/testing"
import { AccessDenied, Throttling, Timeout } from "../../src/domain/AwsError.ts"
import type { Job } from "../../src/domain/Job.ts"
import * as metrics from "../../src/domain/metrics.ts"
import { policyChange } from "../../src/domain/PolicyChange.ts"
import { AwsIamControl } from "../../src/layers/memory/AwsIamMemory.ts"
import { processJob } from "../../src/programs/processJob.ts"
import { pushDue } from "../../src/programs/loops/pushDue.ts"
import { sweep } from "../../src/programs/loops/sweep.ts"
import { AwsIam } from "../../src/services/AwsIam.ts"
import { Grants } from "../../src/services/Grants.ts"
import { JobQueue } from "../../src/services/JobQueue.ts"
import { JobStore } from "../../src/services/JobStore.ts"
import { Redis, RedisError } from "../../src/services/Redis.ts"
import { Workers } from "../../src/services/Workers.ts"
import { aJob, bytes, queue, takeOne, testWorkerConfig, withWorker } from "../fixture.ts"

const failure = { code: "Code", message: "why", operation: "DetachUserPolicy" }
const anHour = { duration_minutes: 60 }

const request = Effect.fnUntraced(function* (fields: Partial<Job> = {}) {
  const job = aJob(fields)
  yield* (yield* JobStore).submit(job)
  yield* (yield* JobQueue).submit(bytes(job))
  return job
})
const deliver = Effect.flatMap(Effect.flatMap(JobQueue, takeOne), processJob)
const done = (fields: Partial<Job> = {}) => Effect.tap(request(fields), () => deliver)
const queued = Effect.flatMap(Redis, (redis) => redis.length(queue))
const calls = Effect.map(AwsIamControl, (aws) => aws.calls())
const attached = Effect.map(AwsIamControl, (aws) => aws.attachments().length > 0)
const endIdOf = (job: Job) =>
  Effect.gen(function* () {
    const all = yield* (yield* Grants).list({ accountId: Option.none(), principal: Option.none() })
    return (yield* Effect.fromNullishOr(all.find(({ id }) => id === job.correlation_id))).endId
  })
const lastOf = (id: string) =>
  Effect.flatMap(JobStore, (store) =>
    Effect.map(store.find(id), (found) => {
      const { audit, status } = Option.getOrThrow(found)
      return [status, audit.at(-1)?.log]
    })
  )
/** The end of a grant, once it is due and taken. */
const endOf = (job: Job) =>
  Effect.gen(function* () {
    const id = yield* endIdOf(job)
    yield* pushDue
    yield* deliver
    return yield* lastOf(id)
  })

describe("access for a time", () => {
  it.effect("is granted, and goes when its time is over", () =>
    Effect.gen(function* () {
      const job = yield* done(anHour)
      assert.deepStrictEqual(yield* calls, ["ListAttachedUserPolicies", "AttachUserPolicy"])
      assert.deepStrictEqual(yield* lastOf(job.correlation_id), ["SUCCESS", "Policy applied, AWS request request-2"])
      yield* TestClock.adjust("59 minutes")
      assert.strictEqual(yield* pushDue, 60_000)
      assert.strictEqual(yield* queued, 0)
      assert.isTrue(yield* attached)

      yield* TestClock.adjust("70 seconds")
      ;(yield* AwsIamControl).obstruct({ when: "after", effect: Effect.sleep("2 seconds") })
      const ending = yield* Effect.forkChild(endOf(job))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* Fiber.join(ending), ["SUCCESS", "Policy applied, AWS request request-3"])
      assert.isFalse(yield* attached)
      const { count, sum } = yield* Metric.value(metrics.revocationDelay)
      assert.deepStrictEqual([count, sum], [1, 12])
      assert.strictEqual(yield* pushDue, Number.POSITIVE_INFINITY)
    }).pipe(withWorker())
  )

  it.effect("goes before all that waits, the longest due first, after a time in which no worker ran", () =>
    Effect.gen(function* () {
      const [later, sooner] = [
        yield* done({ principal: "later", duration_minutes: 10 }),
        yield* done({ principal: "sooner", duration_minutes: 5 })
      ]
      const [laterEnd, soonerEnd] = [yield* endIdOf(later), yield* endIdOf(sooner)]
      yield* request({ principal: "waits" })
      yield* TestClock.adjust("5 hours")
      yield* pushDue
      assert.strictEqual(yield* queued, 3)
      yield* deliver
      assert.strictEqual((yield* lastOf(soonerEnd))[0], "SUCCESS")
      yield* deliver
      assert.strictEqual((yield* lastOf(laterEnd))[0], "SUCCESS")
      yield* pushDue
      assert.strictEqual(yield* queued, 1)
    }).pipe(withWorker())
  )

  it.effect("is granted after a call that is made again, before which the list is not read again", () =>
    Effect.gen(function* () {
      const aws = yield* AwsIamControl
      aws.obstruct({ when: "before", effect: Effect.fail(new Throttling(failure)) })
      const working = yield* Effect.forkChild(done(anHour))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(working)
      assert.deepStrictEqual(yield* calls, ["ListAttachedUserPolicies", "AttachUserPolicy", "AttachUserPolicy"])
    }).pipe(withWorker())
  )

  it.effect("stays when it was there before the grant", () =>
    Effect.gen(function* () {
      ;(yield* AwsIamControl).attach(policyChange("aws", aJob()))
      const job = yield* done(anHour)
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* endOf(job), ["SUCCESS", "Policy left as it is: it was attached before the grant"])
      assert.isTrue(yield* attached)
      assert.notInclude(yield* calls, "DetachUserPolicy")
    }).pipe(withWorker())
  )

  it.effect("stays while a longer grant holds it, and goes with that one, although it found it attached", () =>
    Effect.gen(function* () {
      const short = yield* done(anHour)
      const long = yield* done({ duration_minutes: 120 })
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* endOf(short), [
        "SUCCESS",
        `Policy left as it is: still held by ${long.correlation_id}`
      ])
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* endOf(long))[0], "SUCCESS")
      assert.isFalse(yield* attached)
    }).pipe(withWorker())
  )

  it.effect("stays when it was granted for good since", () =>
    Effect.gen(function* () {
      const job = yield* done(anHour)
      const forGood = yield* done()
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* endOf(job))[1], `Policy left as it is: still held by ${forGood.correlation_id}`)
      assert.isTrue(yield* attached)
    }).pipe(withWorker())
  )

  it.effect("has ended when it was removed since, whoever attached it after that", () =>
    Effect.gen(function* () {
      const job = yield* done(anHour)
      const removal = yield* done({ action: "remove" })
      ;(yield* AwsIamControl).attach(policyChange("aws", aJob()))
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(
        (yield* endOf(job))[1],
        `Policy left as it is: already so since request ${removal.correlation_id}`
      )
      assert.isTrue(yield* attached)
    }).pipe(withWorker())
  )

  it.effect("goes although a guardrail forbids the policy by now", () =>
    Effect.gen(function* () {
      const job = yield* done(anHour)
      yield* TestClock.adjust("1 hour")
      yield* endOf(job).pipe(Effect.provide(testWorkerConfig({ policyRules: { deny: ["*"], allow: Option.none() } })))
      assert.isFalse(yield* attached)
    }).pipe(withWorker())
  )

  it.effect("is not granted where nobody can tell whether it is there: nothing is attached", () =>
    Effect.gen(function* () {
      const iam = yield* AwsIam
      const job = yield* done(anHour).pipe(
        Effect.provideService(AwsIam, {
          ...iam,
          isAttached: () => Effect.fail(new AccessDenied({ ...failure, operation: "ListAttachedUserPolicies" }))
        })
      )
      assert.deepStrictEqual(yield* lastOf(job.correlation_id), ["FAILED", "Code: why (ListAttachedUserPolicies)"])
      assert.deepStrictEqual(yield* calls, [])
    }).pipe(withWorker())
  )

  it.effect("is not attached under a claim that was lost meanwhile", () =>
    Effect.gen(function* () {
      const store = yield* JobStore
      yield* done(anHour).pipe(Effect.provideService(JobStore, { ...store, noteBefore: () => Effect.succeed(false) }))
      assert.deepStrictEqual(yield* calls, ["ListAttachedUserPolicies"])
    }).pipe(withWorker())
  )

  it.effect("goes, too, when it was removed and granted again before IAM's lists showed it", () =>
    Effect.gen(function* () {
      const iam = yield* AwsIam
      yield* done()
      yield* done({ action: "remove" })
      const job = yield* done(anHour).pipe(
        Effect.provideService(AwsIam, {
          ...iam,
          isAttached: () => Effect.succeed({ value: true, requestId: Option.none() })
        })
      )
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* endOf(job))[0], "SUCCESS")
      assert.isFalse(yield* attached)
    }).pipe(withWorker())
  )
})

describe("a grant for a time whose worker is stopped", () => {
  /** Stops the worker in its call to AWS, which is carried out before or not. */
  const stopped = (when: "before" | "after") =>
    Effect.gen(function* () {
      const aws = yield* AwsIamControl
      const reached = yield* Deferred.make<void>()
      aws.obstruct({ when, effect: Effect.andThen(Deferred.succeed(reached, undefined), Effect.never) })
      const job = yield* request(anHour)
      const working = yield* Effect.forkChild(deliver)
      yield* Deferred.await(reached)
      yield* Fiber.interrupt(working)
      yield* deliver
      return job
    })

  it.effect.each(["before", "after"] as const)("%s AWS has attached the policy, ends all the same", (when) =>
    Effect.gen(function* () {
      const job = yield* stopped(when)
      assert.match(
        String(yield* lastOf(job.correlation_id)),
        when === "before" ? /^SUCCESS,Policy applied/ : /^SUCCESS,Policy found so/
      )
      // The list is read before the first call, and after it, since its effect is in doubt.
      const [list, attach] = ["ListAttachedUserPolicies", "AttachUserPolicy"]
      assert.deepStrictEqual(yield* calls, [list, attach, list, ...(when === "before" ? [attach] : [])])
      yield* TestClock.adjust("1 hour")
      yield* endOf(job)
      assert.isFalse(yield* attached)
    }).pipe(withWorker())
  )

  it.effect("leaves what was there before its first worker", () =>
    Effect.gen(function* () {
      ;(yield* AwsIamControl).attach(policyChange("aws", aJob()))
      const job = yield* stopped("after")
      yield* TestClock.adjust("1 hour")
      yield* endOf(job)
      assert.isTrue(yield* attached)
    }).pipe(withWorker())
  )

  it.effect("ends at once when it fails, and nobody knows whether AWS has attached the policy", () =>
    Effect.gen(function* () {
      const aws = yield* AwsIamControl
      const iam = yield* AwsIam
      aws.obstruct({ when: "after", effect: Effect.fail(new Timeout(failure)) })
      let looks = 0
      const job = yield* done(anHour).pipe(
        Effect.provideService(AwsIam, {
          ...iam,
          isAttached: (change) => (looks++ === 0 ? iam.isAttached(change) : Effect.fail(new Timeout(failure)))
        })
      )
      assert.deepStrictEqual(yield* lastOf(job.correlation_id), [
        "FAILED",
        "Code: why (DetachUserPolicy), outcome unknown"
      ])
      assert.isTrue(yield* attached)
      assert.strictEqual((yield* endOf(job))[0], "SUCCESS")
      assert.isFalse(yield* attached)
    }).pipe(withWorker({ retryMaxAttempts: 1, maxDeliveries: 1 }))
  )

  it.effect("ends at once, too, when the role is taken away after the call whose answer was lost", () =>
    Effect.gen(function* () {
      const aws = yield* AwsIamControl
      const iam = yield* AwsIam
      aws.obstruct({ when: "after", effect: Effect.fail(new Timeout(failure)) })
      const denied = Effect.fail(new AccessDenied(failure))
      aws.obstruct(...Array.from({ length: 9 }, () => ({ when: "before", effect: denied }) as const))
      let looks = 0
      const job = yield* request(anHour)
      for (let delivery = 0; delivery < 2; delivery++) {
        const working = yield* Effect.forkChild(
          deliver.pipe(
            Effect.provideService(AwsIam, {
              ...iam,
              isAttached: (change) => (looks++ === 0 ? iam.isAttached(change) : denied)
            })
          )
        )
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(working)
      }
      assert.strictEqual((yield* lastOf(job.correlation_id))[0], "FAILED")
      assert.isTrue(yield* attached)
      yield* endIdOf(job)
    }).pipe(withWorker())
  )
})

describe("the end of a grant", () => {
  it.effect("is dropped when somebody pushes it before its time, and comes again in time", () =>
    Effect.gen(function* () {
      const job = yield* done(anHour)
      const end = aJob({ correlation_id: yield* endIdOf(job), action: "remove" })
      yield* (yield* JobQueue).submit(bytes(end))
      yield* deliver
      assert.isTrue(yield* attached)
      assert.strictEqual((yield* lastOf(end.correlation_id))[0], "PENDING")
      yield* TestClock.adjust("1 hour")
      yield* endOf(job)
      assert.isFalse(yield* attached)
    }).pipe(withWorker())
  )

  it.effect("is not given up when AWS is away for longer than JOB_MAX_DELIVERIES", () =>
    Effect.gen(function* () {
      const aws = yield* AwsIamControl
      const workers = yield* Workers
      const job = yield* done(anHour)
      const id = yield* endIdOf(job)
      yield* TestClock.adjust("1 hour")
      yield* pushDue
      for (let delivery = 1; delivery <= 3; delivery++) {
        aws.obstruct({ when: "before", effect: Effect.fail(new Throttling(failure)) })
        yield* deliver
        assert.strictEqual((yield* lastOf(id))[0], "PENDING")
        // From the second on it waits a while.
        assert.strictEqual(yield* queued, delivery === 1 ? 1 : 0)
        yield* TestClock.adjust("31 seconds")
        yield* workers.releaseDue
      }
      yield* deliver
      assert.strictEqual((yield* lastOf(id))[0], "SUCCESS")
      assert.isFalse(yield* attached)
    }).pipe(withWorker({ retryMaxAttempts: 1, maxDeliveries: 2 }))
  )

  it.effect.each([
    ["at once where no request fails by its deliveries", 0, 1],
    ["after a while once it had as many as another may have", 1, 0]
  ] as const)("is tried again %s", ([, maxDeliveries, inQueue]) =>
    Effect.gen(function* () {
      const aws = yield* AwsIamControl
      const workers = yield* Workers
      yield* done(anHour)
      yield* TestClock.adjust("1 hour")
      yield* pushDue
      aws.obstruct({ when: "before", effect: Effect.fail(new Throttling(failure)) })
      yield* deliver
      assert.strictEqual(yield* queued, inQueue)
      yield* TestClock.adjust("29 seconds")
      yield* workers.releaseDue
      assert.strictEqual(yield* queued, inQueue)
    }).pipe(withWorker({ retryMaxAttempts: 1, maxDeliveries }))
  )

  it.effect("that is refused does not count as one that was late", () =>
    Effect.gen(function* () {
      const aws = yield* AwsIamControl
      const job = yield* done(anHour)
      yield* TestClock.adjust("1 hour")
      aws.obstruct({ when: "before", effect: Effect.fail(new AccessDenied(failure)) })
      assert.strictEqual((yield* endOf(job))[0], "FAILED")
      assert.strictEqual((yield* Metric.value(metrics.revocationDelay)).count, 0)
    }).pipe(withWorker())
  )

  it.effect("is pushed again when its push was lost", () =>
    Effect.gen(function* () {
      const jobs = yield* JobQueue
      const job = yield* done({ ...anHour, client_request_id: "c-1" })
      yield* TestClock.adjust("1 hour")
      const away = new RedisError({ command: "RPUSH", reason: "Unavailable", message: "away" })
      yield* Effect.flip(
        pushDue.pipe(Effect.provideService(JobQueue, { ...jobs, submitFirst: () => Effect.fail(away) }))
      )
      yield* pushDue
      assert.strictEqual(yield* queued, 0)
      yield* TestClock.adjust("3 minutes")
      yield* sweep
      assert.strictEqual(yield* queued, 0)
      yield* endOf(job)
      assert.isFalse(yield* attached)
    }).pipe(withWorker())
  )
})
