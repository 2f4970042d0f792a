import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Duration, Effect, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import type { Job } from "../../src/domain/Job.ts"
import { JobRejected, lostTooManyLog, Settlement } from "../../src/domain/Settlement.ts"
import { queueOverview } from "../../src/programs/operate/queueOverview.ts"
import { replayLetter } from "../../src/programs/operate/replayLetter.ts"
import { retryRequest } from "../../src/programs/operate/retryRequest.ts"
import { DeadLetters } from "../../src/services/DeadLetters.ts"
import { type DeadLetterReason, JobQueue } from "../../src/services/JobQueue.ts"
import { JobStore, RetryResult } from "../../src/services/JobStore.ts"
import { Redis, RedisError } from "../../src/services/Redis.ts"
import { Workers } from "../../src/services/Workers.ts"
import { aJob, anotherWorker, bytes, deadLetters, queue, takeOne, waiting, withWorker } from "../fixture.ts"

const ann = { by: "ann", why: "AWS had an outage" }

const submit = (job: Job) => Effect.flatMap(JobStore, (store) => store.submit(job))
const claim = (job: Job) =>
  Effect.gen(function* () {
    const result = yield* (yield* JobStore).claim(job, { workerId: "w-1", take: "1" }, waiting)
    return Option.isSome(result) && result.value._tag === "Claimed" ? result.value.claim : assert.fail()
  })
const settle = (job: Job, settlement: Settlement) =>
  Effect.flatMap(claim(job), (it) => Effect.flatMap(JobStore, (store) => store.settle(it, settlement)))
const failed = Settlement.Failed({ error: new JobRejected({ code: "DurationUnsupported", message: "no" }) })
const succeeded = Settlement.Succeeded({ requestId: Option.none(), effected: "applied" })

const bury = (payload: Uint8Array, reason: DeadLetterReason) =>
  Effect.gen(function* () {
    yield* (yield* JobQueue).deadLetter(payload, { reason, message: lostTooManyLog, correlationId: Option.none() })
    const [letter] = yield* (yield* DeadLetters).list({ offset: 0, limit: 1 })
    return letter ?? assert.fail()
  })
const cache = (job: Job) =>
  Effect.flatMap(Redis, (redis) => redis.push(`cache:status:${job.correlation_id}`, "left", bytes("FAILED")))
const recordOf = (job: Job) =>
  Effect.flatMap(JobStore, (store) => Effect.map(store.find(job.correlation_id), Option.getOrThrow))

/** All that an intervention may change. */
const standOf = (job: Job) =>
  Effect.gen(function* () {
    const redis = yield* Redis
    const record = yield* (yield* JobStore).find(job.correlation_id)
    return {
      status: Option.getOrUndefined(Option.map(record, ({ status }) => status)),
      last: Option.getOrUndefined(Option.map(record, ({ audit }) => audit.at(-1)?.log)),
      queued: (yield* redis.list(queue)).map((payload) => Buffer.from(payload).toString()),
      dead: yield* redis.length(deadLetters),
      cached: yield* redis.length(`cache:status:${job.correlation_id}`)
    }
  })

describe("the overview of the queue", () => {
  it.effect("of an idle one is empty", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* queueOverview, {
        at: DateTime.makeUnsafe(0),
        depth: 0,
        oldest: Option.none(),
        inFlight: 0,
        parked: 0,
        delayed: 0,
        dead: 0,
        pauses: [],
        accounts: [],
        workers: []
      })
    }).pipe(withWorker())
  )

  it.effect("counts every place where a job may be, and knows who lives", () =>
    Effect.gen(function* () {
      const jobs = yield* JobQueue
      const [busy, calm] = ["111111111111", "222222222222"]
      const receivedAt = "1970-01-01T00:00:00.000Z"
      const push = (fields: Partial<Job>) => {
        const job = aJob({ principal: randomUUID(), received_at: receivedAt, ...fields })
        return Effect.as(Effect.andThen(submit(job), jobs.submit(bytes(job))), job)
      }
      yield* claim(yield* push({ account_id: busy }))
      yield* takeOne(jobs)
      for (const account_id of [busy, busy, calm]) {
        yield* push({ account_id })
        yield* jobs.park([yield* takeOne(jobs)], account_id)
      }
      yield* push({})
      yield* jobs.delay(yield* takeOne(jobs), Duration.minutes(1))
      yield* bury(bytes("no job"), "InvalidPayload")
      yield* Effect.flatMap(Workers, (it) => it.announce(90_000))
      yield* Effect.flatMap(Workers, (it) => it.announce(60_000)).pipe(Effect.provide(anotherWorker("lost")))
      const next = yield* push({})
      yield* push({})
      yield* TestClock.adjust("60 seconds")

      assert.deepStrictEqual(yield* queueOverview, {
        at: DateTime.makeUnsafe(60_000),
        depth: 5,
        oldest: Option.some({
          correlationId: Option.some(next.correlation_id),
          receivedAt: DateTime.make(receivedAt)
        }),
        inFlight: 1,
        parked: 3,
        delayed: 1,
        dead: 1,
        pauses: [],
        accounts: [
          { accountId: busy, inFlight: 1, parked: 2 },
          { accountId: calm, inFlight: 0, parked: 1 }
        ],
        workers: [
          { workerId: "lost", aliveUntil: DateTime.makeUnsafe(60_000), alive: false, held: 0 },
          { workerId: "worker-1", aliveUntil: DateTime.makeUnsafe(90_000), alive: true, held: 1 }
        ]
      })
    }).pipe(withWorker())
  )

  it.effect("lists the accounts with the busiest first, and those that are as busy by their numbers", () =>
    Effect.gen(function* () {
      const [jobs, store] = [yield* JobQueue, yield* JobStore]
      const [one, two, three, four] = ["111111111111", "222222222222", "333333333333", "444444444444"]
      const counted = (counts: Record<string, number>) =>
        Object.entries(counts).map(([accountId, count]) => ({ accountId, count }))
      const parked = counted({ [four]: 2, [two]: 1, [one]: 3 })
      const { accounts, inFlight } = yield* queueOverview.pipe(
        Effect.provideService(JobStore, { ...store, inFlight: Effect.succeed(counted({ [three]: 1, [four]: 2 })) }),
        Effect.provideService(JobQueue, { ...jobs, stats: Effect.map(jobs.stats, (stats) => ({ ...stats, parked })) })
      )
      assert.deepStrictEqual(accounts, [
        { accountId: four, inFlight: 2, parked: 2 },
        { accountId: one, inFlight: 0, parked: 3 },
        { accountId: two, inFlight: 0, parked: 1 },
        { accountId: three, inFlight: 1, parked: 0 }
      ])
      assert.strictEqual(inFlight, 3)
    }).pipe(withWorker())
  )

  it.effect("says of bytes that are no job what they say of themselves", () =>
    Effect.gen(function* () {
      const { correlation_id } = aJob()
      const jobs = yield* JobQueue
      yield* jobs.submit(bytes({ correlation_id, account_id: "1" }))
      assert.deepStrictEqual(
        (yield* queueOverview).oldest,
        Option.some({ correlationId: Option.some(correlation_id), receivedAt: Option.none() })
      )
    }).pipe(withWorker())
  )
})

describe("a dead letter that is replayed", () => {
  it.effect("goes back byte for byte, behind all that wait, once its row is there", () =>
    Effect.gen(function* () {
      const job = aJob()
      const payload = `{ "unknown": 1, ${JSON.stringify(job).slice(1)}`
      const letter = yield* bury(bytes(payload), "UnknownJob")
      yield* (yield* JobQueue).submit(bytes("waits"))
      yield* submit(job)
      yield* cache(job)
      assert.strictEqual(yield* replayLetter(letter, Option.none()), job.correlation_id)
      assert.deepStrictEqual(yield* standOf(job), {
        status: "PENDING",
        last: "Submitted",
        queued: [payload, "waits"],
        dead: 0,
        cached: 0
      })
    }).pipe(withWorker())
  )

  it.effect("takes its FAILED request back through PENDING, if somebody says so", () =>
    Effect.gen(function* () {
      const job = aJob()
      yield* submit(job)
      yield* settle(job, failed)
      yield* cache(job)
      const letter = yield* bury(bytes(job), "WorkerLost")
      const before = yield* standOf(job)
      const refused = yield* Effect.flip(replayLetter(letter, Option.none()))
      assert.include(refused.message, `retry ${job.correlation_id} --by WHO --why TEXT`)
      assert.deepStrictEqual(yield* standOf(job), before)
      yield* replayLetter(letter, Option.some(ann))
      assert.deepStrictEqual(yield* standOf(job), {
        status: "PENDING",
        last: "Retried by ann: AWS had an outage",
        queued: [JSON.stringify(job)],
        dead: 0,
        cached: 0
      })
    }).pipe(withWorker())
  )

  const refusals = {
    "no job": [() => bytes("no job"), /still no job: not JSON\. Fix the producer/],
    "bytes that name a request": [
      (job: Job) => bytes({ ...job, account_id: "1" }),
      /still no job: .*12 digits.*retry [0-9a-f-]{36} --by/
    ],
    "no request": [bytes, /still no AWS request .* in the database\. Replay it once its row is there/],
    "another payload than the row's": [
      (job: Job) => bytes({ ...job, principal: "mallory" }),
      /disagree in principal\. Find out who pushed it/
    ]
  } as const
  for (const [what, [payloadOf, expected]] of Object.entries(refusals)) {
    it.effect(`is refused, and nothing changes, for ${what}`, () =>
      Effect.gen(function* () {
        const job = aJob()
        if (what !== "no request") yield* submit(job)
        const letter = yield* bury(payloadOf(job), "InvalidPayload")
        const before = yield* standOf(job)
        assert.match((yield* Effect.flip(replayLetter(letter, Option.some(ann)))).message, expected)
        assert.deepStrictEqual(yield* standOf(job), before)
      }).pipe(withWorker())
    )
  }

  for (const [status, advance, expected] of [
    ["IN_PROGRESS", claim, /is IN_PROGRESS\. A worker has it/],
    ["SUCCESS", (job: Job) => settle(job, succeeded), /is SUCCESS\. It is done/]
  ] as const) {
    it.effect(`is refused, and nothing changes, while its request is ${status}`, () =>
      Effect.gen(function* () {
        const job = aJob()
        yield* submit(job)
        yield* advance(job)
        const letter = yield* bury(bytes(job), "UnknownJob")
        const before = yield* standOf(job)
        assert.match((yield* Effect.flip(replayLetter(letter, Option.some(ann)))).message, expected)
        assert.deepStrictEqual(yield* standOf(job), before)
      }).pipe(withWorker())
    )
  }

  it.effect("is refused when no worker wrote it", () =>
    Effect.gen(function* () {
      yield* (yield* Redis).push(deadLetters, "left", bytes("strange"))
      const [letter = assert.fail()] = yield* (yield* DeadLetters).list({ offset: 0, limit: 1 })
      const refused = yield* Effect.flip(replayLetter(letter, Option.some(ann)))
      assert.match(refused.message, new RegExp(`no worker wrote .*dead drop ${letter.id}`))
    }).pipe(withWorker())
  )
})

describe("a request that is retried", () => {
  const failedJob = Effect.gen(function* () {
    const job = aJob({ client_request_id: "c-1" })
    yield* submit(job)
    yield* settle(job, failed)
    yield* cache(job)
    return job
  })

  it.effect("is pending again, with a job that its row was enough for", () =>
    Effect.gen(function* () {
      const job = yield* failedJob
      yield* bury(bytes({ ...job, principal: "mallory" }), "PayloadMismatch")
      yield* retryRequest(job.correlation_id, ann)
      const { queued, ...stand } = yield* standOf(job)
      // The letter of another job tells who tampered with what.
      assert.deepStrictEqual(stand, {
        status: "PENDING",
        last: "Retried by ann: AWS had an outage",
        dead: 1,
        cached: 0
      })
      const [payload = "", ...more] = queued
      assert.deepStrictEqual(more, [])
      const { received_at, ...fields } = JSON.parse(payload)
      assert.deepStrictEqual(fields, { ...job, target_cloud: "aws" })
      assert.isString(received_at)
    }).pipe(withWorker())
  )

  /** Rows like the legacy schema's, which do not say enough for a job. */
  const poor = Layer.effect(
    JobStore,
    Effect.map(JobStore, (store) => ({
      ...store,
      find: (id: string) =>
        Effect.map(
          store.find(id),
          Option.map((record) => ({
            ...record,
            row: { ...record.row, principal_type: null, entitlement_type: null, duration_minutes: null },
            payload: Option.none()
          }))
        )
    }))
  )

  it.effect("takes the payload of its newest dead letter, which goes, where there is one", () =>
    Effect.gen(function* () {
      const job = yield* failedJob
      yield* bury(bytes({ ...job, note: "older" }), "WorkerLost")
      yield* bury(bytes({ ...job, note: "newer" }), "WorkerLost")
      yield* bury(bytes(aJob()), "UnknownJob")
      yield* bury(bytes("no job"), "InvalidPayload")
      yield* (yield* Redis).push(deadLetters, "left", bytes("no worker's"))
      yield* retryRequest(job.correlation_id, ann)
      const { dead, queued, status } = yield* standOf(job)
      assert.deepStrictEqual([status, queued, dead], ["PENDING", [JSON.stringify({ ...job, note: "newer" })], 4])
    }).pipe(Effect.provide(poor), withWorker())
  )

  it.effect("is refused, and stays FAILED, without anything that a job can be made of", () =>
    Effect.gen(function* () {
      const job = yield* failedJob
      const before = yield* standOf(job)
      const refused = yield* Effect.flip(retryRequest(job.correlation_id, ann))
      assert.match(refused.message, /does not say enough for a job.*Have it requested again/)
      assert.deepStrictEqual(yield* standOf(job), before)
    }).pipe(Effect.provide(poor), withWorker())
  )

  it.effect("is refused when a later one on its key is done, which it would undo", () =>
    Effect.gen(function* () {
      const job = yield* failedJob
      yield* TestClock.adjust("1 second")
      const later = aJob({ action: "remove" })
      yield* submit(later)
      yield* settle(later, succeeded)
      const before = yield* standOf(job)
      const refused = yield* Effect.flip(retryRequest(job.correlation_id, ann))
      assert.include(refused.message, `request ${later.correlation_id}, which is later`)
      assert.deepStrictEqual(yield* standOf(job), before)
    }).pipe(withWorker())
  )

  it.effect.each([
    ["was sooner", Option.some(RetryResult.NotFailed({ status: "PENDING" })), /is now PENDING/],
    ["has taken its row away", Option.none<RetryResult>(), /^no AWS request/]
  ] as const)("is refused when somebody else %s", ([, answer, expected]) =>
    Effect.gen(function* () {
      const store = yield* JobStore
      const job = yield* failedJob
      const refused = yield* Effect.flip(retryRequest(job.correlation_id, ann)).pipe(
        Effect.provideService(JobStore, { ...store, retry: () => Effect.succeed(answer) })
      )
      assert.match(refused.message, expected)
      assert.deepStrictEqual((yield* standOf(job)).queued, [])
    }).pipe(withWorker())
  )

  it.effect("that is unknown or not FAILED is refused", () =>
    Effect.gen(function* () {
      const job = aJob()
      const refused = Effect.map(Effect.flip(retryRequest(job.correlation_id, ann)), ({ message }) => message)
      assert.match(yield* refused, /^no AWS request/)
      yield* submit(job)
      assert.match(yield* refused, /is PENDING\. It waits for a worker already/)
      assert.strictEqual((yield* recordOf(job)).audit.length, 1)
    }).pipe(withWorker())
  )

  it.effect("says so when its job could not be pushed", () =>
    Effect.gen(function* () {
      const job = yield* failedJob
      const away = new RedisError({ command: "LPUSH", reason: "Unavailable", message: "connection lost" })
      const refused = yield* Effect.flip(retryRequest(job.correlation_id, ann)).pipe(
        Effect.provide(
          Layer.effect(
            JobQueue,
            Effect.map(JobQueue, (jobs) => ({ ...jobs, submit: () => Effect.fail(away) }))
          )
        )
      )
      assert.match(refused.message, /is PENDING, but its job could not be pushed: connection lost/)
      assert.strictEqual((yield* standOf(job)).status, "PENDING")
    }).pipe(withWorker())
  )
})
