import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Logger, Metric, Option, Ref } from "effect"
import { TestClock } from "effect/testing"
import type { Job } from "../../src/domain/Job.ts"
import * as metrics from "../../src/domain/metrics.ts"
import { lostTooManyLog, recoveredLog } from "../../src/domain/Settlement.ts"
import { sweep } from "../../src/programs/loops/sweep.ts"
import { type Delivery, JobQueue } from "../../src/services/JobQueue.ts"
import { JobStore } from "../../src/services/JobStore.ts"
import { Redis } from "../../src/services/Redis.ts"
import { Workers } from "../../src/services/Workers.ts"
import { WorkerStatus } from "../../src/services/WorkerStatus.ts"
import {
  aJob,
  anotherWorker,
  bytes,
  databaseAway,
  deadLetters,
  queue,
  takeOne as takeOneFrom,
  waiting,
  withWorker
} from "../fixture.ts"

const newJob = () => aJob({ principal: randomUUID() })
const request = Effect.fnUntraced(function* (job: Job = newJob()) {
  yield* (yield* JobStore).submit(job)
  yield* (yield* JobQueue).submit(bytes(job))
  return job
})
const recordOf = (job: Job) =>
  Effect.flatMap(JobStore, (store) => Effect.map(store.find(job.correlation_id), Option.getOrThrow))
const statusOf = (job: Job) => Effect.map(recordOf(job), ({ status }) => status)
/** Correlation ids in the queue, from the left. */
const queued = Effect.flatMap(Redis, (redis) =>
  Effect.map(redis.list(queue), (payloads) =>
    payloads.map((payload): string => JSON.parse(Buffer.from(payload).toString()).correlation_id)
  )
)
const idsOf = (...jobs: ReadonlyArray<Job>) => jobs.map((job) => job.correlation_id)

const takeOne = Effect.flatMap(JobQueue, takeOneFrom)
const claim = (job: Job, delivery: Delivery, workerId = "lost") =>
  Effect.flatMap(JobStore, (store) => store.claim(job, { workerId, take: delivery.take }, waiting))

/** A worker of that name lives, takes a job for each of these, and claims those that are to be claimed; then it is no more. */
const takeAndDie = (workerId: string, ...jobs: ReadonlyArray<readonly [Job, "claimed" | "taken"]>) =>
  Effect.gen(function* () {
    const workers = yield* Workers
    yield* workers.announce((yield* Clock.currentTimeMillis) + 60_000)
    for (const [job, how] of jobs) {
      const delivery = yield* takeOne
      if (how === "claimed") yield* claim(job, delivery, workerId)
    }
  }).pipe(Effect.provide(anotherWorker(workerId)))

describe("the sweep", () => {
  it.effect("brings back what a lost worker held once its lease is over, the oldest to be taken first", () =>
    Effect.gen(function* () {
      const [one, two, three, waits] = [yield* request(), yield* request(), yield* request(), yield* request()]
      yield* takeAndDie("lost", [one, "claimed"], [two, "taken"], [three, "claimed"])
      yield* TestClock.adjust("59 seconds")
      yield* sweep
      assert.deepStrictEqual(yield* queued, idsOf(waits))
      assert.strictEqual(yield* statusOf(one), "IN_PROGRESS")

      yield* TestClock.adjust("2 seconds")
      yield* sweep
      assert.deepStrictEqual(yield* queued, idsOf(waits, three, two, one))
      assert.deepStrictEqual((yield* recordOf(one)).audit.map(({ log, status }) => [status, log]).at(-1), [
        "PENDING",
        recoveredLog
      ])
      assert.strictEqual((yield* recordOf(two)).audit.length, 1)
      assert.strictEqual((yield* Metric.value(metrics.jobs.recovered)).count, 2)
      yield* sweep
      assert.strictEqual((yield* queued).length, 4)
    }).pipe(withWorker())
  )

  it.effect("does not let a name that somebody put into Redis steer a terminal that shows the log", () =>
    Effect.gen(function* () {
      yield* request()
      yield* takeAndDie("\u001b]0;x\u0007\u202e\nforged", [newJob(), "taken"])
      yield* TestClock.adjust("61 seconds")
      const lines: Array<string> = []
      yield* Effect.provide(sweep, Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))]))
      assert.include(lines.join("|"), "from the lost worker")
      assert.notMatch(lines.join("|"), /[\p{Cc}\p{Cf}]/u)
    }).pipe(withWorker())
  )

  it.effect("tells when it last got to its end", () =>
    Effect.gen(function* () {
      const store = yield* JobStore
      yield* TestClock.adjust("1 minute")
      yield* sweep
      yield* TestClock.adjust("1 minute")
      yield* Effect.exit(Effect.provideService(sweep, JobStore, { ...store, orphans: () => Effect.fail(databaseAway) }))
      assert.strictEqual((yield* Metric.value(metrics.lastSweep)).value, 60)
    }).pipe(withWorker())
  )

  it.effect("leaves a payload whose row another worker has in progress, until that is over", () =>
    Effect.gen(function* () {
      const job = yield* request()
      yield* takeAndDie("lost", [job, "taken"])
      yield* TestClock.adjust("2 minutes")
      yield* claim(job, { payload: bytes(job), take: "1" }, "other")
      yield* sweep
      assert.deepStrictEqual(yield* queued, [])
      yield* TestClock.adjust("2 minutes")
      yield* sweep
      assert.deepStrictEqual(yield* queued, idsOf(job))
    }).pipe(withWorker())
  )

  it.effect("fails a job that three workers were lost with, and keeps its bytes", () =>
    Effect.gen(function* () {
      const redis = yield* Redis
      const job = yield* request()
      for (const workerId of ["first", "second", "third"]) {
        yield* takeAndDie(workerId, [job, "claimed"])
        yield* redis.push(`cache:status:${job.correlation_id}`, "left", bytes("PENDING"))
        yield* TestClock.adjust("2 minutes")
        yield* sweep
      }
      const { audit, status } = yield* recordOf(job)
      assert.deepStrictEqual([status, audit.at(-1)?.log], ["FAILED", lostTooManyLog])
      assert.deepStrictEqual(yield* queued, [])
      const letter = Buffer.from(Option.getOrThrow(yield* redis.last(deadLetters))).toString()
      assert.deepInclude(JSON.parse(letter), {
        payload: JSON.stringify(job),
        reason: "WorkerLost",
        correlation_id: job.correlation_id
      })
      assert.strictEqual(yield* redis.length(`cache:status:${job.correlation_id}`), 0)
      assert.strictEqual(yield* redis.length("{queue:aws}:processing:third"), 0)
      assert.strictEqual((yield* Metric.value(metrics.jobs.dead_letter)).count, 1)
      assert.strictEqual((yield* Metric.value(metrics.jobs.recovered)).count, 2)
      assert.strictEqual((yield* Metric.value(metrics.jobs.failed)).count, 1)
    }).pipe(withWorker())
  )

  it.effect.each(["no job", '{"correlation_id":17}'])("puts %s back, too: whoever takes it buries it", (payload) =>
    Effect.gen(function* () {
      const redis = yield* Redis
      yield* (yield* JobQueue).submit(bytes(payload))
      yield* takeAndDie("lost", [newJob(), "taken"])
      yield* TestClock.adjust("2 minutes")
      yield* sweep
      assert.strictEqual(Buffer.from(Option.getOrThrow(yield* redis.last(queue))).toString(), payload)
    }).pipe(withWorker())
  )

  it.effect("pushes pending requests without a job again, in their order, once they lay untouched for long", () =>
    Effect.gen(function* () {
      const redis = yield* Redis
      const older = yield* request()
      yield* TestClock.adjust("1 second")
      const younger = yield* request()
      yield* redis.delete(queue)
      yield* TestClock.adjust("2 minutes")
      yield* sweep
      // The younger one is no orphan before two minutes have passed for it as well.
      assert.deepStrictEqual(yield* queued, idsOf(older))
      const [payload] = yield* redis.list(queue)
      assert.deepInclude(JSON.parse(Buffer.from(payload ?? bytes("{}")).toString()), { ...older })
      yield* redis.delete(queue)
      yield* TestClock.adjust("3 minutes")
      yield* sweep
      assert.deepStrictEqual(yield* queued, idsOf(younger, older))
      assert.deepStrictEqual((yield* recordOf(older)).audit.length, 1)
      assert.strictEqual((yield* Metric.value(metrics.jobs.recovered)).count, 3)
    }).pipe(withWorker())
  )

  it.effect("makes no duplicates of a long backlog, of requeued jobs, or of what a worker holds", () =>
    Effect.gen(function* () {
      const jobs = yield* JobQueue
      const held = yield* request()
      yield* TestClock.adjust("1 second")
      const again = yield* request()
      yield* TestClock.adjust("1 second")
      const backlog = yield* Effect.all(Array.from({ length: 300 }, () => request()))
      yield* (yield* Workers).announce(Number.POSITIVE_INFINITY)
      yield* jobs.take(1)
      const delivery = yield* takeOne
      yield* TestClock.adjust("10 minutes")
      yield* jobs.requeue(delivery)
      yield* sweep
      assert.deepStrictEqual(yield* queued, [...idsOf(again), ...idsOf(...backlog).toReversed()])
      assert.strictEqual(yield* statusOf(held), "PENDING")
    }).pipe(withWorker())
  )

  it.effect("takes no delayed job for lost that nobody could put back, since all were paused", () =>
    Effect.gen(function* () {
      const jobs = yield* JobQueue
      const { orphansBefore } = yield* WorkerStatus
      const job = yield* request()
      yield* jobs.delay(yield* takeOne, Duration.seconds(1))
      yield* TestClock.adjust("10 minutes")
      yield* request()
      yield* sweep
      assert.strictEqual((yield* queued).length, 1)
      // Else a younger request on its key would pass it, where its row does not say enough for a job.
      assert.strictEqual(yield* Ref.get(orphansBefore), 0)
      assert.strictEqual(yield* statusOf(job), "PENDING")
    }).pipe(withWorker())
  )

  it.effect("waits ten times as long where nobody knows how old the oldest queued job is", () =>
    Effect.gen(function* () {
      const redis = yield* Redis
      yield* request()
      yield* redis.delete(queue)
      yield* (yield* JobQueue).submit(bytes("no job"))
      yield* TestClock.adjust("19 minutes")
      yield* sweep
      assert.strictEqual(yield* redis.length(queue), 1)
      yield* TestClock.adjust("2 minutes")
      yield* sweep
      assert.strictEqual(yield* redis.length(queue), 2)
    }).pipe(withWorker())
  )

  it.effect("recovers nothing right after an outage of PostgreSQL: whoever lives touches what he holds first", () =>
    Effect.gen(function* () {
      const store = yield* JobStore
      const job = yield* request()
      yield* takeAndDie("stopped", [job, "claimed"])
      yield* TestClock.adjust("2 minutes")
      yield* Effect.flip(
        sweep.pipe(Effect.provideService(JobStore, { ...store, recover: () => Effect.fail(databaseAway) }))
      )
      yield* sweep
      yield* TestClock.adjust("4 seconds")
      yield* sweep
      assert.strictEqual(yield* statusOf(job), "IN_PROGRESS")
      yield* TestClock.adjust("1 second")
      yield* sweep
      assert.strictEqual(yield* statusOf(job), "PENDING")
    }).pipe(withWorker())
  )

  it.effect("recovers nothing before PostgreSQL has been back for a while", () =>
    Effect.gen(function* () {
      const store = yield* JobStore
      const job = yield* request()
      yield* takeAndDie("stopped", [job, "claimed"])
      yield* TestClock.adjust("2 minutes")
      const away = { ...store, recover: () => Effect.fail(databaseAway), ping: Effect.fail(databaseAway) }
      for (let sweeps = 0; sweeps < 2; sweeps++) {
        yield* Effect.flip(sweep.pipe(Effect.provideService(JobStore, away)))
        yield* TestClock.adjust("15 seconds")
      }
      yield* sweep
      assert.strictEqual(yield* statusOf(job), "IN_PROGRESS")
      yield* TestClock.adjust("5 seconds")
      yield* sweep
      assert.strictEqual(yield* statusOf(job), "PENDING")
    }).pipe(withWorker())
  )

  it.effect("tells of the same orphans once", () =>
    Effect.gen(function* () {
      const store = yield* JobStore
      const lines: Array<string> = []
      const log = Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])
      for (const left of [7, 7, 8, 8, 0, 8]) {
        yield* sweep.pipe(
          Effect.provideService(JobStore, { ...store, orphans: () => Effect.succeed({ rebuilt: [], left }) }),
          Effect.provide(log)
        )
      }
      assert.deepStrictEqual(
        lines.map((line) => line.slice(0, 1)),
        ["7", "8", "8"]
      )
    }).pipe(withWorker())
  )

  it.effect("counts those whose rows do not say enough", () =>
    Effect.gen(function* () {
      const store = yield* JobStore
      const job = yield* request()
      yield* (yield* Redis).delete(queue)
      yield* TestClock.adjust("10 minutes")
      yield* sweep.pipe(
        Effect.provideService(JobStore, { ...store, orphans: () => Effect.succeed({ rebuilt: [], left: 7 }) })
      )
      assert.strictEqual((yield* Metric.value(metrics.orphans)).value, 7)
      assert.strictEqual(yield* statusOf(job), "PENDING")
    }).pipe(withWorker())
  )

  it.effect("is left to another replica when that one is at it, but for the judgement of orphans", () =>
    Effect.gen(function* () {
      const store = yield* JobStore
      const { orphansBefore } = yield* WorkerStatus
      const job = yield* request()
      yield* takeAndDie("lost", [job, "claimed"])
      yield* TestClock.adjust("10 minutes")
      yield* sweep.pipe(Effect.provideService(JobStore, { ...store, recover: () => Effect.succeedNone }))
      assert.deepStrictEqual(yield* queued, [])
      assert.isTrue(Number.isFinite(yield* Ref.get(orphansBefore)))
    }).pipe(withWorker({ lease: Duration.seconds(60) }))
  )
})
