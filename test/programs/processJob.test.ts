import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Layer, Metric, Option, Ref } from "effect"
import { TestClock } from "effect/testing"
import { SqlError, UnknownError } from "effect/sql/SqlError"
import {
  AccessDenied,
  type AwsError,
  ConcurrentModification,
  CredentialsInvalid,
  InvalidRequest,
  LimitExceeded,
  NoSuchEntity,
  ServiceUnavailable,
  SessionExpired,
  Throttling,
  Timeout
} from "../../src/domain/AwsError.ts"
import * as metrics from "../../src/domain/metrics.ts"
import { policyChange } from "../../src/domain/PolicyChange.ts"
import { AwsIamControl, type Obstacle } from "../../src/layers/memory/AwsIamMemory.ts"
import { Blocked } from "../../src/programs/job/claimRequest.ts"
import { persist } from "../../src/programs/job/persist.ts"
import { processJob } from "../../src/programs/processJob.ts"
import { waitForTurn } from "../../src/programs/job/waitForTurn.ts"
import { JobQueue } from "../../src/services/JobQueue.ts"
import { JobStore } from "../../src/services/JobStore.ts"
import { Redis, RedisError } from "../../src/services/Redis.ts"
import { WorkerStatus } from "../../src/services/WorkerStatus.ts"
import { aJob, bytes, deadLetters, processing, queue, takeOne, testRedisConfig, withWorker } from "../fixture.ts"

const failure = { code: "Code", message: "why", operation: "AttachUserPolicy" }
const readOnlyArn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
const attachment = `123456789012/User/alice ${readOnlyArn}`

/** The row is there and its payload in the queue, and somebody has polled the API. */
const request = Effect.fnUntraced(function* (job = aJob(), payload: unknown = job) {
  yield* (yield* JobStore).submit(job)
  yield* (yield* JobQueue).submit(bytes(payload))
  yield* (yield* Redis).push(`cache:status:${job.correlation_id}`, "left", bytes("PENDING"))
  return job
})
const take = Effect.flatMap(JobQueue, takeOne)
const deliver = Effect.flatMap(take, processJob)
const fail = (error: AwsError) => ({ when: "before", effect: Effect.fail(error) }) as const
const obstruct = (...obstacles: ReadonlyArray<Obstacle>) =>
  Effect.map(AwsIamControl, (aws) => aws.obstruct(...obstacles))
const calls = Effect.map(AwsIamControl, (aws) => aws.calls())
/** On a database that has no place for the ends of grants. */
const withoutEnds = <A, E, R>(test: Effect.Effect<A, E, R>) =>
  Effect.flatMap(JobStore, (store) => Effect.provideService(test, JobStore, { ...store, endsAccess: false }))
const count = (metric: Metric.Counter<number>) => Effect.map(Metric.value(metric), (state) => state.count)

/** Status, the last audit row, the AWS ids, and the lengths of the lists: queue, processing, dead letters, cache. */
const stateOf = Effect.fnUntraced(function* (id: string) {
  const redis = yield* Redis
  const record = Option.getOrThrow(yield* (yield* JobStore).find(id))
  return {
    status: record.status,
    log: record.audit.at(-1)?.log,
    references: record.references,
    lists: [
      yield* redis.length(queue),
      yield* redis.length(processing),
      yield* redis.length(deadLetters),
      yield* redis.length(`cache:status:${id}`)
    ]
  }
})

describe("the life of a job", () => {
  it.effect("done: the policy is attached and everything recorded", () =>
    Effect.gen(function* () {
      const job = yield* request()
      yield* deliver
      assert.deepStrictEqual(yield* stateOf(job.correlation_id), {
        status: "SUCCESS",
        log: "Policy applied, AWS request request-1",
        references: ["request-1"],
        lists: [0, 0, 0, 0]
      })
      assert.deepStrictEqual((yield* AwsIamControl).attachments(), [attachment])
      const record = Option.getOrThrow(yield* (yield* JobStore).find(job.correlation_id))
      assert.deepStrictEqual(
        record.audit.map((it) => it.status),
        ["PENDING", "IN_PROGRESS", "SUCCESS"]
      )
    }).pipe(withWorker())
  )

  it.effect("done: the policy is detached", () =>
    Effect.gen(function* () {
      const job = yield* request(aJob({ action: "remove" }))
      const aws = yield* AwsIamControl
      aws.attach(policyChange("aws", job))
      yield* deliver
      assert.strictEqual((yield* stateOf(job.correlation_id)).status, "SUCCESS")
      assert.deepStrictEqual(aws.attachments(), [])
    }).pipe(withWorker())
  )

  const permanent = [
    new AccessDenied(failure),
    new NoSuchEntity(failure),
    new LimitExceeded(failure),
    new InvalidRequest(failure)
  ]
  it.effect.each(permanent.map((error) => [error._tag, error] as const))(
    "permanent failure: %s fails the request at the first attempt",
    ([, error]) =>
      Effect.gen(function* () {
        const job = yield* request()
        yield* obstruct(fail(error))
        yield* deliver
        assert.deepStrictEqual(yield* stateOf(job.correlation_id), {
          status: "FAILED",
          log: "Code: why (AttachUserPolicy)",
          references: [],
          lists: [0, 0, 0, 0]
        })
        assert.deepStrictEqual(yield* calls, ["AttachUserPolicy"])
      }).pipe(withWorker())
  )

  const transient = [
    new Throttling(failure),
    new ServiceUnavailable(failure),
    new ConcurrentModification(failure),
    new Timeout(failure)
  ]
  it.effect.each(transient.map((error) => [error._tag, error] as const))(
    "transient failure: %s is retried, while the request stays in progress",
    ([tag, error]) =>
      Effect.gen(function* () {
        const job = yield* request()
        yield* obstruct(fail(error), fail(error))
        const working = yield* Effect.forkChild(deliver)
        yield* TestClock.adjust(0)
        const { lists, status } = yield* stateOf(job.correlation_id)
        assert.strictEqual(status, "IN_PROGRESS")
        assert.deepStrictEqual(lists, [0, 1, 0, 1])
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(working)
        assert.strictEqual((yield* stateOf(job.correlation_id)).status, "SUCCESS")
        const attempts = (yield* calls).filter((it) => it === "AttachUserPolicy").length
        assert.strictEqual(attempts, 3, tag)
      }).pipe(withWorker())
  )

  it.effect("retries used up: pending again, and the same bytes at the head of the queue", () =>
    Effect.gen(function* () {
      const job = aJob()
      const payload = ` {"trace" : 7, ${JSON.stringify(job).slice(1)}`
      yield* request(job, payload)
      yield* obstruct(...Array.from({ length: 5 }, () => fail(new Throttling(failure))))
      const working = yield* Effect.forkChild(deliver)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(working)
      assert.deepStrictEqual(yield* stateOf(job.correlation_id), {
        status: "PENDING",
        log: "Delivery 1 ended transiently: Code: why (AttachUserPolicy)",
        references: [],
        lists: [1, 0, 0, 1]
      })
      assert.strictEqual((yield* calls).length, 5)
      const again = yield* take
      assert.strictEqual(Buffer.from(again.payload).toString(), payload)
      yield* processJob(again)
      const record = Option.getOrThrow(yield* (yield* JobStore).find(job.correlation_id))
      assert.strictEqual(record.status, "SUCCESS")
      assert.isTrue(record.audit.some((it) => it.log.startsWith("Delivery 2, claimed by")))
    }).pipe(withWorker())
  )

  const deliveries = (settings: { readonly maxDeliveries: number }, times: number) =>
    Effect.gen(function* () {
      const job = yield* request()
      yield* obstruct(...Array.from({ length: 100 }, () => fail(new Throttling(failure))))
      yield* Effect.repeat(deliver, { times: times - 1 })
      return (yield* stateOf(job.correlation_id)).status
    }).pipe(withWorker({ ...settings, retryMaxAttempts: 1 }))

  it.effect("fails after JOB_MAX_DELIVERIES that all ended transiently, not before; never when it is 0", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* deliveries({ maxDeliveries: 3 }, 2), "PENDING")
      assert.strictEqual(yield* deliveries({ maxDeliveries: 3 }, 3), "FAILED")
      assert.strictEqual(yield* deliveries({ maxDeliveries: 0 }, 50), "PENDING")
    })
  )

  it.effect("row not pending: a duplicate goes without a call", () =>
    Effect.gen(function* () {
      const job = yield* request()
      yield* (yield* JobQueue).submit(bytes(job))
      const before = yield* count(metrics.jobs.duplicate)
      yield* deliver
      const settled = yield* stateOf(job.correlation_id)
      yield* deliver
      assert.deepStrictEqual(yield* stateOf(job.correlation_id), { ...settled, lists: [0, 0, 0, 0] })
      assert.deepStrictEqual(yield* calls, ["AttachUserPolicy"])
      assert.strictEqual(yield* count(metrics.jobs.duplicate), before + 1)
    }).pipe(withWorker())
  )

  it.effect("row not found for UNKNOWN_JOB_GRACE: a dead letter", () =>
    Effect.gen(function* () {
      const redis = yield* Redis
      yield* (yield* JobQueue).submit(bytes(aJob()))
      const working = yield* Effect.forkChild(deliver)
      yield* TestClock.adjust("2900 millis")
      assert.strictEqual(yield* redis.length(deadLetters), 0)
      assert.strictEqual(yield* redis.length(processing), 1)
      yield* TestClock.adjust("100 millis")
      yield* Fiber.join(working)
      assert.strictEqual(yield* redis.length(processing), 0)
      const letter = Buffer.from(Option.getOrThrow(yield* redis.last(deadLetters))).toString()
      assert.include(letter, '"reason":"UnknownJob"')
      assert.deepStrictEqual(yield* calls, [])
    }).pipe(withWorker())
  )

  it.effect("row committed after the push: waits for it", () =>
    Effect.gen(function* () {
      const job = aJob()
      yield* (yield* JobQueue).submit(bytes(job))
      const working = yield* Effect.forkChild(deliver)
      yield* TestClock.adjust("500 millis")
      yield* (yield* JobStore).submit(job)
      yield* TestClock.adjust("100 millis")
      yield* Fiber.join(working)
      assert.strictEqual((yield* stateOf(job.correlation_id)).status, "SUCCESS")
    }).pipe(withWorker())
  )

  it.effect.each([
    ["blmove", 60_000],
    ["brpop", 0]
  ] as const)(
    "row that waits for its turn, in the mode %s: touched unless it was within %s ms",
    ([fetchMode, millis]) =>
      Effect.gen(function* () {
        const store = yield* JobStore
        yield* request()
        yield* Ref.set((yield* WorkerStatus).orphansBefore, 17)
        const asked: Array<unknown> = []
        const claim: typeof store.claim = (job, by, waiting) => {
          asked.push([waiting.orphansBefore, Duration.toMillis(waiting.keepFresh)])
          return store.claim(job, by, waiting)
        }
        yield* deliver.pipe(
          Effect.provideService(JobStore, { ...store, claim }),
          Effect.provide(testRedisConfig({ fetchMode }))
        )
        assert.deepStrictEqual(asked, [[17, millis]])
      }).pipe(withWorker())
  )

  it.effect.each([
    ["for 50 ms each", 3, 150],
    ["never so long that it could pass for one without a job", 1_000_000, 30_000]
  ] as const)("older ones on its key: waits for them, %s", ([, ahead, millis]) =>
    Effect.gen(function* () {
      const redis = yield* Redis
      const job = yield* request()
      yield* waitForTurn(yield* take, new Blocked({ correlationId: job.correlation_id, ahead }))
      const dueBy = (time: number) =>
        Effect.map(redis.lowest("{queue:aws}:delayed", time, 9), (payloads) => payloads.length)
      assert.deepStrictEqual([yield* dueBy(millis - 1), yield* dueBy(millis)], [0, 1])
    }).pipe(withWorker())
  )

  it.effect("payload not decodable: a dead letter, and the request that it names fails", () =>
    Effect.gen(function* () {
      const job = aJob()
      yield* request(job, { ...job, principal: "no such name!" })
      yield* deliver
      const { lists, log, status } = yield* stateOf(job.correlation_id)
      assert.deepStrictEqual([status, lists], ["FAILED", [0, 0, 1, 0]])
      assert.match(log ?? "", /^InvalidPayload: .*principal/)
    }).pipe(withWorker())
  )

  it.effect("payload not decodable, its row committed later: fails it all the same", () =>
    Effect.gen(function* () {
      const job = aJob()
      yield* (yield* JobQueue).submit(bytes({ ...job, action: "give" }))
      const working = yield* Effect.forkChild(deliver)
      yield* TestClock.adjust("500 millis")
      yield* (yield* JobStore).submit(job)
      yield* TestClock.adjust("100 millis")
      yield* Fiber.join(working)
      assert.strictEqual((yield* stateOf(job.correlation_id)).status, "FAILED")
    }).pipe(withWorker())
  )

  it.effect("payload not decodable, but its request done: only a dead letter", () =>
    Effect.gen(function* () {
      const job = yield* request()
      yield* deliver
      yield* (yield* JobQueue).submit(bytes({ ...job, action: "give" }))
      yield* deliver
      const { lists, status } = yield* stateOf(job.correlation_id)
      assert.deepStrictEqual([status, lists[2]], ["SUCCESS", 1])
    }).pipe(withWorker())
  )

  it.effect("payload and row disagree: failed, a dead letter, and no call", () =>
    Effect.gen(function* () {
      const job = aJob()
      yield* request(job, { ...job, entitlement: "AdministratorAccess", account_id: "210987654321" })
      yield* deliver
      assert.deepStrictEqual(yield* stateOf(job.correlation_id), {
        status: "FAILED",
        log: "PayloadMismatch: payload and row disagree in account_id, entitlement",
        references: [],
        lists: [0, 0, 1, 0]
      })
      assert.deepStrictEqual(yield* calls, [])
    }).pipe(withWorker())
  )

  it.effect("payload and row disagree in one field alone: no call", () =>
    Effect.gen(function* () {
      const job = aJob()
      yield* request(job, { ...job, entitlement: "AdministratorAccess" })
      yield* deliver
      assert.strictEqual((yield* stateOf(job.correlation_id)).status, "FAILED")
      assert.deepStrictEqual(yield* calls, [])
    }).pipe(withWorker())
  )

  it.effect("payload that names no request: a dead letter at once, and no request is looked for", () =>
    Effect.gen(function* () {
      const redis = yield* Redis
      const store = yield* JobStore
      yield* (yield* JobQueue).submit(bytes("no job"))
      yield* deliver.pipe(
        Effect.provideService(JobStore, { ...store, reject: () => Effect.die(new Error("nothing to reject")) })
      )
      const letter = Buffer.from(Option.getOrThrow(yield* redis.last(deadLetters))).toString()
      assert.deepInclude(JSON.parse(letter), { reason: "InvalidPayload", correlation_id: null })
      assert.strictEqual(yield* redis.length(processing), 0)
    }).pipe(withWorker())
  )

  describe.each([
    {
      rule: "POLICY_DENY",
      settings: { policyRules: { deny: ["*/ReadOnlyAccess"], allow: Option.none() } },
      why: `${readOnlyArn} matches */ReadOnlyAccess of POLICY_DENY`
    },
    {
      rule: "PRINCIPAL_DENY",
      settings: { principalDeny: ["arn:aws:iam::*:user/alice"] },
      why: "arn:aws:iam::123456789012:user/alice matches arn:aws:iam::*:user/alice of PRINCIPAL_DENY"
    }
  ])("$rule", ({ settings, why }) => {
    it.effect("an add fails without a call", () =>
      Effect.gen(function* () {
        const job = yield* request()
        yield* deliver
        const { lists, log, status } = yield* stateOf(job.correlation_id)
        assert.deepStrictEqual([status, lists], ["FAILED", [0, 0, 0, 0]])
        assert.strictEqual(log, `PolicyForbidden: ${why}`)
        assert.deepStrictEqual(yield* calls, [])
      }).pipe(withWorker(settings))
    )

    it.effect("a remove goes through", () =>
      Effect.gen(function* () {
        const job = yield* request(aJob({ action: "remove" }))
        const aws = yield* AwsIamControl
        aws.attach(policyChange("aws", job))
        yield* deliver
        assert.deepStrictEqual(aws.attachments(), [])
      }).pipe(withWorker(settings))
    )
  })

  it.effect.each([
    ["fail", "FAILED"],
    ["ignore", "SUCCESS"]
  ] as const)("a duration: DURATION_UNSUPPORTED=%s ends in %s", ([durationUnsupported, expected]) =>
    Effect.gen(function* () {
      const job = yield* request(aJob({ duration_minutes: 60 }))
      yield* deliver
      assert.strictEqual((yield* stateOf(job.correlation_id)).status, expected)
    }).pipe(withoutEnds, withWorker({ durationUnsupported }))
  )

  it.effect("no duration: granted where access cannot end, too", () =>
    Effect.gen(function* () {
      const job = yield* request()
      yield* deliver
      assert.strictEqual((yield* stateOf(job.correlation_id)).status, "SUCCESS")
    }).pipe(withoutEnds, withWorker({ durationUnsupported: "fail" }))
  )

  it.effect("the worker's own credentials wrong: given back, not counted, and nobody's fault", () =>
    Effect.gen(function* () {
      const job = yield* request()
      yield* (yield* JobQueue).submit(bytes("behind it"))
      yield* obstruct(fail(new CredentialsInvalid({ ...failure, code: "SignatureDoesNotMatch" })))
      yield* deliver
      const { lists, log, status } = yield* stateOf(job.correlation_id)
      assert.deepStrictEqual([status, lists], ["PENDING", [2, 0, 0, 1]])
      assert.match(log ?? "", /^Given back, not counted.*SignatureDoesNotMatch/)
      assert.isTrue(Option.isSome(yield* Ref.get((yield* WorkerStatus).credentialsFault)))
      assert.deepStrictEqual((yield* take).payload, bytes(job))
    }).pipe(withWorker())
  )

  it.effect("a session that stays over: retried, then requeued", () =>
    Effect.gen(function* () {
      const job = yield* request()
      yield* obstruct(...Array.from({ length: 5 }, () => fail(new SessionExpired(failure))))
      const working = yield* Effect.forkChild(deliver)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(working)
      assert.strictEqual((yield* stateOf(job.correlation_id)).status, "PENDING")
      assert.strictEqual((yield* calls).length, 5)
    }).pipe(withWorker())
  )

  it.effect("a defect in the worker: requeued, so that it fails in the end", () =>
    Effect.gen(function* () {
      const job = yield* request()
      yield* obstruct({ when: "before", effect: Effect.die(new Error("a bug")) })
      yield* deliver
      const { log, status } = yield* stateOf(job.correlation_id)
      assert.strictEqual(status, "PENDING")
      assert.match(log ?? "", /^Delivery 1 ended transiently: WorkerDefect: Error: a bug/)
    }).pipe(withWorker())
  )
})

describe("a job that is interrupted", () => {
  /** Interrupts the job once `reached` is done, and runs the clock so that nothing waits for it. */
  const interruptAt = <E, R>(reached: Deferred.Deferred<void>, job: Effect.Effect<void, E, R>) =>
    Effect.gen(function* () {
      const working = yield* Effect.forkChild(job)
      yield* Deferred.await(reached)
      yield* Fiber.interrupt(working)
    })

  it.effect("in a call to AWS: pending, and at the right end of the queue, not counted", () =>
    Effect.gen(function* () {
      const job = yield* request()
      yield* (yield* JobQueue).submit(bytes("behind it"))
      const reached = yield* Deferred.make<void>()
      yield* obstruct({ when: "before", effect: Effect.andThen(Deferred.succeed(reached, undefined), Effect.never) })
      yield* interruptAt(reached, deliver)
      const { lists, log, status } = yield* stateOf(job.correlation_id)
      assert.deepStrictEqual([status, lists], ["PENDING", [2, 0, 0, 1]])
      assert.strictEqual(log, "Given back, not counted as a delivery: the worker shuts down")
      yield* deliver
      const record = Option.getOrThrow(yield* (yield* JobStore).find(job.correlation_id))
      assert.isTrue(record.audit.some((it) => it.log.startsWith("Delivery 1, claimed by worker-1 (take ")))
      assert.strictEqual(record.status, "SUCCESS")
    }).pipe(withWorker())
  )

  it.effect("between two attempts: likewise", () =>
    Effect.gen(function* () {
      const job = yield* request()
      const reached = yield* Deferred.make<void>()
      yield* obstruct({
        when: "before",
        effect: Effect.andThen(Deferred.succeed(reached, undefined), Effect.fail(new Throttling(failure)))
      })
      yield* interruptAt(reached, deliver)
      const { lists, status } = yield* stateOf(job.correlation_id)
      assert.deepStrictEqual([status, lists], ["PENDING", [1, 0, 0, 1]])
    }).pipe(withWorker())
  )

  it.effect("while it waits for its row: at the right end of the queue", () =>
    Effect.gen(function* () {
      const redis = yield* Redis
      yield* (yield* JobQueue).submit(bytes(aJob()))
      const working = yield* Effect.forkChild(deliver)
      yield* TestClock.adjust("500 millis")
      yield* Fiber.interrupt(working)
      assert.strictEqual(yield* redis.length(queue), 1)
      assert.strictEqual(yield* redis.length(processing), 0)
    }).pipe(withWorker())
  )

  /** The store, one of whose methods announces itself and then waits for leave. */
  const gated = (method: "claim" | "settle") =>
    Effect.gen(function* () {
      const store = yield* JobStore
      const reached = yield* Deferred.make<void>()
      const leave = yield* Deferred.make<void>()
      const gate = Effect.andThen(Deferred.succeed(reached, undefined), Deferred.await(leave))
      const layer = Layer.succeed(JobStore, {
        ...store,
        ...(method === "claim"
          ? { claim: (...args: Parameters<typeof store.claim>) => Effect.andThen(gate, store.claim(...args)) }
          : { settle: (...args: Parameters<typeof store.settle>) => Effect.andThen(gate, store.settle(...args)) })
      })
      return { layer, reached, leave }
    })

  it.effect.each([
    ["claim", "PENDING", 1],
    ["settle", "SUCCESS", 0]
  ] as const)("in its %s: the statement lands, and the job ends as %s", ([method, status, queued]) =>
    Effect.gen(function* () {
      const job = yield* request()
      const { layer, leave, reached } = yield* gated(method)
      const working = yield* Effect.forkChild(Effect.provide(deliver, layer))
      yield* Deferred.await(reached)
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(working))
      yield* Effect.yieldNow
      yield* Deferred.succeed(leave, undefined)
      yield* Fiber.join(interrupting)
      const state = yield* stateOf(job.correlation_id)
      assert.strictEqual(state.status, status)
      assert.deepStrictEqual(state.lists.slice(0, 3), [queued, 0, 0])
    }).pipe(withWorker())
  )
})

describe("a job in an outage", () => {
  const sqlError = new SqlError({
    reason: new UnknownError({ cause: new Error("the database system is shutting down") })
  })
  const redisError = new RedisError({ command: "LREM", reason: "Unavailable", message: "Connection is closed." })

  /** The same effect, but its first `times` answers are lost: after it was carried out, or instead. */
  const losing = <A, E, R, E2>(times: number, carriedOut: boolean, error: E2) => {
    let left = times
    return (effect: Effect.Effect<A, E, R>) =>
      Effect.suspend((): Effect.Effect<A, E | E2, R> => {
        if (left-- <= 0) return effect
        return carriedOut ? Effect.andThen(effect, Effect.fail(error)) : Effect.fail(error)
      })
  }

  it.effect.each([
    ["not carried out", false],
    ["carried out, the answer lost", true]
  ] as const)("%s: claims and settles once, calls AWS once, and records what AWS said", ([, carriedOut]) =>
    Effect.gen(function* () {
      const job = yield* request()
      const store = yield* JobStore
      const jobs = yield* JobQueue
      const layer = Layer.mergeAll(
        Layer.succeed(JobStore, {
          ...store,
          claim: (...args: Parameters<typeof store.claim>) => losingClaim(store.claim(...args)),
          settle: (...args: Parameters<typeof store.settle>) => losingSettle(store.settle(...args))
        }),
        Layer.succeed(JobQueue, { ...jobs, remove: (delivery) => losingRemove(jobs.remove(delivery)) })
      )
      const losingClaim = losing<Effect.Success<ReturnType<typeof store.claim>>, SqlError, never, SqlError>(
        3,
        carriedOut,
        sqlError
      )
      const losingSettle = losing<boolean, SqlError, never, SqlError>(3, carriedOut, sqlError)
      const losingRemove = losing<void, RedisError, never, RedisError>(3, carriedOut, redisError)
      const working = yield* Effect.forkChild(Effect.provide(deliver, layer))
      yield* TestClock.adjust("30 seconds")
      yield* Fiber.join(working)
      assert.deepStrictEqual(yield* stateOf(job.correlation_id), {
        status: "SUCCESS",
        log: "Policy applied, AWS request request-1",
        references: ["request-1"],
        lists: [0, 0, 0, 0]
      })
      assert.deepStrictEqual(yield* calls, ["AttachUserPolicy"])
      const record = Option.getOrThrow(yield* store.find(job.correlation_id))
      assert.strictEqual(record.audit.length, 3)
    }).pipe(withWorker())
  )

  it.effect("has each step carried out to its end, although it is interrupted", () =>
    Effect.gen(function* () {
      const reached = yield* Deferred.make<void>()
      const leave = yield* Deferred.make<void>()
      const landed = yield* Ref.make(false)
      const step = Effect.andThen(Deferred.succeed(reached, undefined), Deferred.await(leave))
      const working = yield* Effect.forkChild(persist(Effect.andThen(step, Ref.set(landed, true))))
      yield* Deferred.await(reached)
      const stopping = yield* Effect.forkChild(Fiber.interrupt(working))
      yield* Effect.yieldNow
      yield* Deferred.succeed(leave, undefined)
      yield* Fiber.join(stopping)
      assert.isTrue(yield* Ref.get(landed))
    }).pipe(withWorker())
  )

  it.effect("goes on trying while the worker drains, and gives up when the drain is over", () =>
    Effect.gen(function* () {
      const job = yield* request()
      const store = yield* JobStore
      const { endsAt } = yield* WorkerStatus
      const layer = Layer.succeed(JobStore, { ...store, settle: () => Effect.fail(sqlError) })
      const working = yield* Effect.forkChild(Effect.provide(deliver, layer))
      yield* TestClock.adjust("5 seconds")
      const stopping = yield* Effect.forkChild(Fiber.interrupt(working))
      yield* TestClock.adjust("1 minute")
      assert.isUndefined(working.pollUnsafe())
      yield* Ref.set(endsAt, 80_000)
      yield* TestClock.adjust("15 seconds")
      yield* Fiber.join(stopping)
      const { lists, status } = yield* stateOf(job.correlation_id)
      assert.deepStrictEqual([status, lists], ["IN_PROGRESS", [0, 1, 0, 1]])
    }).pipe(withWorker())
  )

  it.effect("keeps hold of a payload whose claim may have landed unheard, until its row is recovered", () =>
    Effect.gen(function* () {
      const job = yield* request()
      const store = yield* JobStore
      const { endsAt } = yield* WorkerStatus
      const claim: typeof store.claim = (...args) => Effect.andThen(store.claim(...args), Effect.fail(sqlError))
      const working = yield* Effect.forkChild(
        Effect.provideService(deliver, JobStore, JobStore.of({ ...store, claim }))
      )
      yield* TestClock.adjust("5 seconds")
      const stopping = yield* Effect.forkChild(Fiber.interrupt(working))
      yield* Ref.set(endsAt, 20_000)
      yield* TestClock.adjust("15 seconds")
      yield* Fiber.join(stopping)
      // In the queue, the next worker would throw it away as a duplicate of a request that nobody has.
      const { lists, status } = yield* stateOf(job.correlation_id)
      assert.deepStrictEqual([status, lists], ["IN_PROGRESS", [0, 1, 0, 1]])
    }).pipe(withWorker())
  )

  it.effect("releases an interrupted job as soon as the database is back", () =>
    Effect.gen(function* () {
      const job = yield* request()
      const store = yield* JobStore
      const reached = yield* Deferred.make<void>()
      yield* obstruct({ when: "before", effect: Effect.andThen(Deferred.succeed(reached, undefined), Effect.never) })
      const losingSettle = losing<boolean, SqlError, never, SqlError>(2, false, sqlError)
      const layer = Layer.succeed(JobStore, { ...store, settle: (...args) => losingSettle(store.settle(...args)) })
      const working = yield* Effect.forkChild(Effect.provide(deliver, layer))
      yield* Deferred.await(reached)
      const stopping = yield* Effect.forkChild(Fiber.interrupt(working))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(stopping)
      const { lists, status } = yield* stateOf(job.correlation_id)
      assert.deepStrictEqual([status, lists], ["PENDING", [1, 0, 0, 1]])
    }).pipe(withWorker())
  )

  it.effect("waits UNKNOWN_JOB_GRACE from when the row was first seen to be missing", () =>
    Effect.gen(function* () {
      const job = aJob()
      yield* (yield* JobQueue).submit(bytes(job))
      const store = yield* JobStore
      const losingClaim = losing<Effect.Success<ReturnType<typeof store.claim>>, SqlError, never, SqlError>(
        6,
        false,
        sqlError
      )
      const layer = Layer.succeed(JobStore, { ...store, claim: (...args) => losingClaim(store.claim(...args)) })
      const working = yield* Effect.forkChild(Effect.provide(deliver, layer))
      yield* TestClock.adjust("6 seconds")
      yield* store.submit(job)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(working)
      assert.strictEqual((yield* stateOf(job.correlation_id)).status, "SUCCESS")
    }).pipe(withWorker())
  )

  it.effect(
    "looks once more for a row when the answer, or the process, was held up for longer than UNKNOWN_JOB_GRACE",
    () =>
      Effect.gen(function* () {
        const job = aJob()
        yield* (yield* JobQueue).submit(bytes(job))
        const store = yield* JobStore
        let looks = 0
        const claim: typeof store.claim = (...args) =>
          Effect.tap(store.claim(...args), () => (++looks === 2 ? Effect.sleep("10 seconds") : Effect.void))
        const working = yield* Effect.forkChild(
          Effect.provideService(deliver, JobStore, JobStore.of({ ...store, claim }))
        )
        yield* TestClock.adjust("200 millis")
        yield* store.submit(job)
        yield* TestClock.adjust("11 seconds")
        yield* Fiber.join(working)
        assert.strictEqual((yield* stateOf(job.correlation_id)).status, "SUCCESS")
      }).pipe(withWorker())
  )
})

describe("a claim that was lost", () => {
  it.effect("changes nothing, and its payload goes back as a possible duplicate", () =>
    Effect.gen(function* () {
      const job = yield* request()
      const store = yield* JobStore
      const layer = Layer.succeed(JobStore, { ...store, settle: () => Effect.succeed(false) })
      yield* Effect.provide(deliver, layer)
      const { lists, status } = yield* stateOf(job.correlation_id)
      assert.deepStrictEqual([status, lists], ["IN_PROGRESS", [1, 0, 0, 1]])
      yield* deliver
      assert.deepStrictEqual((yield* stateOf(job.correlation_id)).lists, [0, 0, 0, 1])
    }).pipe(withWorker())
  )
})

describe("metrics", () => {
  const counts = Effect.forEach(
    [
      metrics.jobs.success,
      metrics.jobs.failed,
      metrics.jobs.requeued,
      metrics.jobs.duplicate,
      metrics.jobs.dead_letter
    ],
    count
  )

  it.effect("count each delivery once, by how it ended", () =>
    Effect.gen(function* () {
      const jobs = yield* JobQueue
      const job = yield* request()
      yield* deliver
      assert.deepStrictEqual(yield* counts, [1, 0, 0, 0, 0])
      yield* jobs.submit(bytes(job))
      yield* deliver
      assert.deepStrictEqual(yield* counts, [1, 0, 0, 1, 0])
      yield* request()
      yield* obstruct(fail(new AccessDenied(failure)), fail(new ConcurrentModification(failure)))
      yield* deliver
      assert.deepStrictEqual(yield* counts, [1, 1, 0, 1, 0])
      yield* request()
      yield* deliver
      assert.deepStrictEqual(yield* counts, [1, 1, 1, 1, 0])
      yield* deliver
      assert.deepStrictEqual(yield* counts, [2, 1, 1, 1, 0])
      const misled = aJob()
      yield* request(misled, { ...misled, principal: "mallory" })
      yield* deliver
      yield* jobs.submit(bytes("no job"))
      yield* deliver
      assert.deepStrictEqual(yield* counts, [2, 1, 1, 1, 2])
    }).pipe(withWorker({ retryMaxAttempts: 1 }))
  )

  it.effect("count each call that is made again, by the error before it", () =>
    Effect.gen(function* () {
      yield* request()
      yield* obstruct(
        fail(new Throttling(failure)),
        fail(new ServiceUnavailable(failure)),
        fail(new Throttling(failure))
      )
      const working = yield* Effect.forkChild(deliver)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(working)
      const retries = (reason: string) => count(Metric.withAttributes(metrics.awsRetries, { reason }))
      assert.deepStrictEqual(yield* Effect.forEach(["Throttling", "ServiceUnavailable"], retries), [2, 1])
    }).pipe(withWorker())
  )

  it.effect("measure in seconds: from the payload's time to the claim, and from there to a final status", () =>
    Effect.gen(function* () {
      const { jobDuration, queueWait } = metrics
      const observed = Effect.map(Effect.all([Metric.value(queueWait), Metric.value(jobDuration)]), (states) =>
        states.map(({ count, sum }) => [count, sum])
      )
      yield* request(aJob({ received_at: "1970-01-01T00:00:00Z" }))
      yield* TestClock.adjust("90 seconds")
      yield* obstruct(fail(new Throttling(failure)), { when: "after", effect: Effect.sleep("2 seconds") })
      yield* deliver
      assert.deepStrictEqual(yield* observed, [
        [1, 90],
        [0, 0]
      ])
      const working = yield* Effect.forkChild(deliver)
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(working)
      assert.deepStrictEqual(yield* observed, [
        [2, 180],
        [1, 2]
      ])
      // Its clock is ahead of the worker's.
      yield* request(aJob({ received_at: "1970-01-01T01:00:00Z" }))
      yield* deliver
      assert.deepStrictEqual(yield* observed, [
        [3, 180],
        [2, 2]
      ])
    }).pipe(withWorker({ retryMaxAttempts: 1 }))
  )
})
