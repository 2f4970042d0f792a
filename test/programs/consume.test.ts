import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Exit, Fiber, Layer, Metric, Option, Ref } from "effect"
import { TestClock } from "effect/testing"
import { CredentialsInvalid } from "../../src/domain/AwsError.ts"
import * as metrics from "../../src/domain/metrics.ts"
import { AwsIamControl } from "../../src/layers/memory/AwsIamMemory.ts"
import { consume } from "../../src/programs/consume.ts"
import { JobQueue } from "../../src/services/JobQueue.ts"
import { JobStore } from "../../src/services/JobStore.ts"
import { Redis, RedisError } from "../../src/services/Redis.ts"
import { Workers } from "../../src/services/Workers.ts"
import { WorkerStatus } from "../../src/services/WorkerStatus.ts"
import { aJob, bytes, processing, queue, withWorker } from "../fixture.ts"

/** Each on a key of its own. */
const request = Effect.fnUntraced(function* (job = aJob({ principal: randomUUID() })) {
  yield* (yield* JobStore).submit(job)
  yield* (yield* JobQueue).submit(bytes(job))
  return job.correlation_id
})
const requests = (count: number) => Effect.all(Array.from({ length: count }, () => request()))
const statusOf = (id: string) =>
  Effect.flatMap(JobStore, (store) => Effect.map(store.find(id), (found) => Option.getOrThrow(found).status))
const statuses = (ids: ReadonlyArray<string>) => Effect.forEach(ids, statusOf)
/** Lets everything run that needs no time. */
const settled = Effect.repeat(TestClock.adjust(0), { times: 50 })
/** Interrupts the worker, and lets the time pass that its drain may take. */
const stop = <A, E>(worker: Fiber.Fiber<A, E>) =>
  Effect.gen(function* () {
    const stopping = yield* Effect.forkChild(Fiber.interrupt(worker))
    yield* TestClock.adjust("1 minute")
    yield* Fiber.join(stopping)
  })
/** A worker on the given layers, which is stopped when the test ends, however it ends. */
const aWorker = <E = never, R = never>(
  replaced:
    | Layer.Layer<never, E, R>
    | Layer.Layer<JobQueue, E, R>
    | Layer.Layer<JobStore, E, R>
    | Layer.Layer<Workers, E, R>
    | Layer.Layer<JobQueue | Workers, E, R> = Layer.empty
) => Effect.acquireRelease(Effect.forkDetach(Effect.provide(consume, replaced)), stop)
const hanging = { when: "before", effect: Effect.never } as const

describe("consume", () => {
  it.effect("carries out what comes, in the order in which it comes", () =>
    Effect.gen(function* () {
      const early = yield* requests(3)
      yield* aWorker()
      yield* settled
      const late = yield* requests(2)
      yield* settled
      assert.deepStrictEqual(
        yield* statuses([...early, ...late]),
        Array.from({ length: 5 }, () => "SUCCESS")
      )
    }).pipe(withWorker())
  )

  it.effect("holds no more jobs than WORKER_CONCURRENCY, and takes the next when one ends", () =>
    Effect.gen(function* () {
      const redis = yield* Redis
      const aws = yield* AwsIamControl
      const leave = yield* Deferred.make<void>()
      aws.obstruct({ when: "before", effect: Deferred.await(leave) }, hanging, hanging)
      yield* requests(6)
      yield* aWorker()
      yield* settled
      assert.deepStrictEqual([yield* redis.length(queue), yield* redis.length(processing)], [3, 3])
      yield* Deferred.succeed(leave, undefined)
      yield* settled
      // The three that waited went through one after the other in the free slot.
      assert.deepStrictEqual([yield* redis.length(queue), yield* redis.length(processing)], [0, 2])
    }).pipe(withWorker({ concurrency: 3 }))
  )

  it.effect("interrupted, takes no more, and lets those in flight finish", () =>
    Effect.gen(function* () {
      const redis = yield* Redis
      const aws = yield* AwsIamControl
      const { endsAt, phase } = yield* WorkerStatus
      aws.obstruct({ when: "before", effect: Effect.sleep("20 seconds") })
      const [inFlight = ""] = yield* requests(1)
      const worker = yield* aWorker()
      yield* settled
      assert.strictEqual(yield* Ref.get(phase), "running")
      const stopping = yield* Effect.forkChild(Fiber.interrupt(worker))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Ref.get(phase), "draining")
      // The rest of SHUTDOWN_GRACE is for closing what the worker stands on.
      assert.strictEqual(yield* Ref.get(endsAt), 23_750)
      const [late = ""] = yield* requests(1)
      yield* TestClock.adjust("19 seconds")
      yield* Fiber.join(stopping)
      assert.deepStrictEqual(yield* statuses([inFlight, late]), ["SUCCESS", "PENDING"])
      assert.deepStrictEqual([yield* redis.length(queue), yield* redis.length(processing)], [1, 0])
    }).pipe(withWorker())
  )

  it.effect("gives back what does not finish within SHUTDOWN_GRACE, never later", () =>
    Effect.gen(function* () {
      const redis = yield* Redis
      const aws = yield* AwsIamControl
      aws.obstruct(hanging, hanging)
      const ids = yield* requests(2)
      const worker = yield* aWorker()
      yield* settled
      const stopping = yield* Effect.forkChild(Fiber.interrupt(worker))
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(yield* statuses(ids), ["IN_PROGRESS", "IN_PROGRESS"])
      // The last tenth is for giving back.
      yield* TestClock.adjust("2500 millis")
      assert.isDefined(stopping.pollUnsafe())
      assert.deepStrictEqual(yield* statuses(ids), ["PENDING", "PENDING"])
      assert.deepStrictEqual([yield* redis.length(queue), yield* redis.length(processing)], [2, 0])
    }).pipe(withWorker())
  )

  it.effect("gives back at once what arrives when it already stops", () =>
    Effect.gen(function* () {
      const jobs = yield* JobQueue
      const redis = yield* Redis
      const arriving = yield* Deferred.make<void>()
      const slow = Layer.succeed(JobQueue, {
        ...jobs,
        take: (most) => Effect.andThen(Deferred.await(arriving), jobs.take(most))
      })
      const [id = ""] = yield* requests(1)
      const worker = yield* aWorker(slow)
      yield* settled
      const stopping = yield* Effect.forkChild(Fiber.interrupt(worker))
      yield* settled
      // The drain does not wait for it.
      assert.strictEqual(yield* Ref.get((yield* WorkerStatus).endsAt), 23_750)
      yield* Deferred.succeed(arriving, undefined)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(stopping)
      assert.strictEqual(yield* statusOf(id), "PENDING")
      assert.deepStrictEqual([yield* redis.length(queue), yield* redis.length(processing)], [1, 0])
      assert.deepStrictEqual((yield* AwsIamControl).calls(), [])
    }).pipe(withWorker())
  )

  it.effect("waits out a Redis that is away", () =>
    Effect.gen(function* () {
      const jobs = yield* JobQueue
      const away = yield* Ref.make(true)
      const unsteady = Layer.succeed(JobQueue, {
        ...jobs,
        take: (most) =>
          Effect.flatMap(Ref.get(away), (isAway) =>
            isAway
              ? Effect.fail(
                  new RedisError({ command: "BLMOVE", reason: "Unavailable", message: "Connection is closed." })
                )
              : jobs.take(most)
          )
      })
      const [id = ""] = yield* requests(1)
      yield* aWorker(unsteady)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* statusOf(id), "PENDING")
      yield* Ref.set(away, false)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* statusOf(id), "SUCCESS")
    }).pipe(withWorker())
  )

  it.effect("takes nothing while AWS refuses the worker's own credentials, until STS knows it again", () =>
    Effect.gen(function* () {
      const aws = yield* AwsIamControl
      const { credentialsFault } = yield* WorkerStatus
      const refusal = new CredentialsInvalid({ code: "InvalidClientTokenId", message: "", operation: "AssumeRole" })
      aws.setIdentity(Effect.fail(refusal))
      aws.obstruct({ when: "before", effect: Effect.fail(refusal) })
      const [first = ""] = yield* requests(1)
      yield* aWorker()
      yield* TestClock.adjust("1 second")
      const [second = ""] = yield* requests(1)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* statuses([first, second]), ["PENDING", "PENDING"])
      assert.isTrue(Option.isSome(yield* Ref.get(credentialsFault)))
      assert.strictEqual(aws.calls().filter((it) => it === "AttachUserPolicy").length, 1)

      aws.setIdentity(Effect.succeed("arn:aws:iam::999999999999:user/worker"))
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(yield* statuses([first, second]), ["SUCCESS", "SUCCESS"])
      assert.isTrue(Option.isNone(yield* Ref.get(credentialsFault)))
    }).pipe(withWorker({ concurrency: 1 }))
  )

  it.effect("gives back what arrives after AWS refused the worker's credentials", () =>
    Effect.gen(function* () {
      const aws = yield* AwsIamControl
      const refusal = new CredentialsInvalid({ code: "InvalidClientTokenId", message: "", operation: "AssumeRole" })
      aws.setIdentity(Effect.fail(refusal))
      aws.obstruct(
        { when: "before", effect: Effect.andThen(Effect.sleep("100 millis"), Effect.fail(refusal)) },
        ...Array.from({ length: 4 }, () => hanging)
      )
      const [first = ""] = yield* requests(1)
      yield* aWorker()
      yield* TestClock.adjust("1 second")
      const later = yield* requests(3)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(
        yield* statuses([first, ...later]),
        Array.from({ length: 4 }, () => "PENDING")
      )
      assert.strictEqual(aws.calls().filter((it) => it === "AttachUserPolicy").length, 1)
      assert.strictEqual(yield* (yield* Redis).length(queue), 4)

      // It has all its slots, and the account all its places, once STS knows the worker again.
      aws.setIdentity(Effect.succeed("arn:aws:iam::999999999999:user/worker"))
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(
        yield* statuses([first, ...later]),
        Array.from({ length: 4 }, () => "IN_PROGRESS")
      )
    }).pipe(withWorker({ concurrency: 4, accountConcurrency: 4 }))
  )

  it.effect("does not ask STS without a pause when its check does not see the fault", () =>
    Effect.gen(function* () {
      const aws = yield* AwsIamControl
      const refusal = new CredentialsInvalid({
        code: "SignatureDoesNotMatch",
        message: "",
        operation: "AttachUserPolicy"
      })
      aws.obstruct(...Array.from({ length: 999 }, () => ({ when: "before" as const, effect: Effect.fail(refusal) })))
      yield* requests(1)
      yield* aWorker()
      yield* TestClock.adjust("1 minute")
      assert.isAtMost(aws.calls().filter((it) => it === "AttachUserPolicy").length, 13)
    }).pipe(withWorker({ concurrency: 1 }))
  )

  it.effect.each(["before the claim", "after the claim"] as const)(
    "survives a fault of its own, and lays the job aside until a claim would be over (%s)",
    (when) =>
      Effect.gen(function* () {
        const store = yield* JobStore
        const [broken = "", sound = ""] = yield* requests(2)
        let bug = true
        const faulty = Layer.succeed(JobStore, {
          ...store,
          claim: (job, ...who) =>
            bug && job.correlation_id === broken
              ? Effect.andThen(
                  when === "after the claim" ? store.claim(job, ...who) : Effect.void,
                  Effect.die(new Error("a bug"))
                )
              : store.claim(job, ...who)
        })
        yield* aWorker(faulty)
        yield* Effect.repeat(TestClock.adjust("1 second"), { times: 20 })
        assert.deepStrictEqual(yield* statuses([broken, sound]), [
          when === "after the claim" ? "IN_PROGRESS" : "PENDING",
          "SUCCESS"
        ])
        bug = false
        // A lease of 60 and two sweeps of 15 seconds: sooner than a request without a job gets a new one.
        yield* Effect.repeat(TestClock.adjust("1 second"), { times: 80 })
        assert.strictEqual(yield* statusOf(broken), "SUCCESS")
      }).pipe(withWorker())
  )

  it.effect("keeps why a take failed, until one succeeds", () =>
    Effect.gen(function* () {
      const jobs = yield* JobQueue
      const { fetchFault } = yield* WorkerStatus
      const denied = new RedisError({ command: "BLMOVE", reason: "Denied", message: "NOPERM" })
      let allowed = false
      const strict = Layer.succeed(JobQueue, {
        ...jobs,
        take: (most) => Effect.suspend(() => (allowed ? jobs.take(most) : Effect.fail(denied)))
      })
      yield* aWorker(strict)
      yield* settled
      assert.deepStrictEqual(yield* Ref.get(fetchFault), Option.some("NOPERM"))
      allowed = true
      yield* requests(1)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Ref.get(fetchFault), Option.none())
    }).pipe(withWorker())
  )

  it.effect("shows that its loop has stopped", () =>
    Effect.gen(function* () {
      const { phase } = yield* WorkerStatus
      const jobs = yield* JobQueue
      const broken = Layer.succeed(JobQueue, { ...jobs, take: () => Effect.die(new Error("a bug")) })
      const seen = yield* Ref.make<string | undefined>(undefined)
      yield* Effect.provide(consume, broken).pipe(
        Effect.exit,
        Effect.tap(() => Effect.flatMap(Ref.get(phase), (now) => Ref.set(seen, now)))
      )
      assert.strictEqual(yield* Ref.get(seen), "stopped")
    }).pipe(withWorker())
  )

  const onOneKey = (...actions: ReadonlyArray<"add" | "remove">) =>
    Effect.forEach(actions, (action) =>
      Effect.andThen(
        TestClock.adjust("1 millis"),
        Effect.suspend(() => request(aJob({ action })))
      )
    )
  const writes = Effect.map(AwsIamControl, (aws) => aws.calls().filter((it) => !it.startsWith("List")))
  const delayed = Effect.flatMap(Redis, (redis) => redis.lowest("{queue:aws}:delayed", Number.POSITIVE_INFINITY, 9))

  it.effect("carries out requests on one key one after the other, and others meanwhile", () =>
    Effect.gen(function* () {
      const aws = yield* AwsIamControl
      aws.obstruct({ when: "before", effect: Effect.sleep("5 seconds") })
      const ids = yield* onOneKey("add", "remove", "add", "remove")
      const others = yield* requests(2)
      yield* aWorker()
      yield* Effect.repeat(TestClock.adjust("500 millis"), { times: 7 })
      assert.deepStrictEqual(yield* statuses(ids), ["IN_PROGRESS", "PENDING", "PENDING", "PENDING"])
      assert.deepStrictEqual(yield* statuses(others), ["SUCCESS", "SUCCESS"])
      yield* Effect.repeat(TestClock.adjust("500 millis"), { times: 10 })
      assert.deepStrictEqual(yield* statuses(ids), ["SUCCESS", "SUCCESS", "SUCCESS", "SUCCESS"])
      const calls = yield* writes
      assert.strictEqual(calls.filter((it) => it === "DetachUserPolicy").length, 2)
      assert.strictEqual(calls.at(-1), "DetachUserPolicy")
      assert.notInclude(aws.attachments().join(), "/alice ")
    }).pipe(withWorker())
  )

  it.effect("keeps requests that wait for their turn from looking like ones without a job", () =>
    Effect.gen(function* () {
      const aws = yield* AwsIamControl
      aws.obstruct({ when: "before", effect: Effect.sleep("1 minute") })
      const ids = yield* onOneKey("add", "add", "add")
      yield* aWorker()
      yield* Effect.repeat(TestClock.adjust("1 second"), { times: 55 })
      assert.deepStrictEqual(yield* statuses(ids), ["IN_PROGRESS", "PENDING", "PENDING"])
      assert.strictEqual((yield* delayed).length + (yield* (yield* Redis).length(queue)), 2)
      yield* Effect.repeat(TestClock.adjust("1 second"), { times: 20 })
      assert.deepStrictEqual(yield* statuses(ids), ["SUCCESS", "SUCCESS", "SUCCESS"])
    }).pipe(withWorker({ orphanAfter: Duration.seconds(12) }))
  )

  it.effect("stopping, brings back what is delayed, and takes leave of the other workers", () =>
    Effect.gen(function* () {
      const redis = yield* Redis
      const aws = yield* AwsIamControl
      aws.obstruct(hanging)
      const ids = yield* onOneKey("add", "add")
      const worker = yield* aWorker()
      yield* settled
      const known = redis.lowest("{queue:aws}:workers", Number.POSITIVE_INFINITY, 9)
      assert.strictEqual((yield* known).length, 1)
      yield* stop(worker)
      assert.deepStrictEqual(yield* statuses(ids), ["PENDING", "PENDING"])
      assert.deepStrictEqual([yield* redis.length(queue), yield* redis.length(processing)], [2, 0])
      assert.deepStrictEqual([yield* known, yield* delayed], [[], []])
    }).pipe(withWorker())
  )

  it.effect.each([
    ["does not answer", Effect.never],
    ["fails", Effect.fail(new RedisError({ command: "ZREM", reason: "Unavailable", message: "away" }))]
  ] as const)("stopping, ends although its leave of the other workers %s", ([, retire]) =>
    Effect.gen(function* () {
      const workers = yield* Workers
      const worker = yield* aWorker(Layer.succeed(Workers, { ...workers, retire }))
      yield* settled
      const stopping = yield* Effect.forkChild(Fiber.interrupt(worker))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(stopping)
      const exit = yield* Fiber.await(worker)
      assert.isTrue(Exit.hasInterrupts(exit) && !Exit.hasFails(exit))
    }).pipe(withWorker())
  )

  it.effect("tells the other workers four times in a lease that it lives", () =>
    Effect.gen(function* () {
      const workers = yield* Workers
      let announced = 0
      const announce: typeof workers.announce = (aliveUntil) =>
        Effect.suspend(() => {
          announced++
          return workers.announce(aliveUntil)
        })
      yield* aWorker(Layer.succeed(Workers, { ...workers, announce }))
      yield* Effect.repeat(TestClock.adjust("1 second"), { times: 120 })
      // Each a tenth sooner or later, and once before the first job.
      assert.isAtLeast(announced, 8)
      assert.isAtMost(announced, 11)
    }).pipe(withWorker())
  )

  it.effect("renews its leases while a job takes longer than one, also during the drain", () =>
    Effect.gen(function* () {
      const store = yield* JobStore
      const aws = yield* AwsIamControl
      aws.obstruct({ when: "before", effect: Effect.sleep("100 seconds") })
      const [id = ""] = yield* requests(1)
      const worker = yield* aWorker()
      yield* Effect.repeat(TestClock.adjust("1 second"), { times: 90 })
      const stopping = yield* Effect.forkChild(Fiber.interrupt(worker))
      yield* Effect.repeat(TestClock.adjust("1 second"), { times: 9 })
      assert.deepStrictEqual(yield* store.recover(Duration.seconds(17), 3), Option.some([]))
      yield* TestClock.adjust("30 seconds")
      yield* Fiber.join(stopping)
      assert.strictEqual(yield* statusOf(id), "SUCCESS")
    }).pipe(withWorker())
  )

  it.effect.each([
    ["is away", "Unavailable"],
    ["has no memory left", "Rejected"]
  ] as const)("takes nothing before the other workers know of it, though Redis %s", ([message, reason]) =>
    Effect.gen(function* () {
      const workers = yield* Workers
      const redis = yield* Redis
      const away = yield* Ref.make(true)
      const unsteady = Layer.succeed(Workers, {
        ...workers,
        announce: (aliveUntil) =>
          Effect.flatMap(Ref.get(away), (isAway) =>
            isAway ? Effect.fail(new RedisError({ command: "ZADD", reason, message })) : workers.announce(aliveUntil)
          )
      })
      const [id = ""] = yield* requests(1)
      yield* aWorker(unsteady)
      yield* Effect.repeat(TestClock.adjust("1 second"), { times: 20 })
      assert.deepStrictEqual([yield* redis.length(queue), yield* redis.length(processing)], [1, 0])
      yield* Ref.set(away, false)
      yield* Effect.repeat(TestClock.adjust("1 second"), { times: 3 })
      assert.strictEqual(yield* statusOf(id), "SUCCESS")
    }).pipe(withWorker())
  )

  it.effect("goes on after an outage where the ACL does not let it make itself known", () =>
    Effect.gen(function* () {
      const [jobs, workers] = [yield* JobQueue, yield* Workers]
      const away = yield* Ref.make(true)
      const lost = new RedisError({ command: "BLMOVE", reason: "Unavailable", message: "Connection is closed." })
      const denied = new RedisError({ command: "ZADD", reason: "Denied", message: "NOPERM" })
      yield* aWorker(
        Layer.merge(
          Layer.succeed(JobQueue, {
            ...jobs,
            take: (most) => Effect.flatMap(Ref.get(away), (isAway) => (isAway ? Effect.fail(lost) : jobs.take(most)))
          }),
          Layer.succeed(Workers, { ...workers, announce: () => Effect.fail(denied) })
        )
      )
      yield* TestClock.adjust("2 seconds")
      yield* Ref.set(away, false)
      const [id = ""] = yield* requests(1)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* statusOf(id), "SUCCESS")
    }).pipe(withWorker())
  )

  it.effect("brings back what an earlier worker of its name held", () =>
    Effect.gen(function* () {
      const job = aJob()
      yield* (yield* JobStore).submit(job)
      yield* (yield* Redis).push(processing, "left", bytes(job))
      yield* aWorker()
      yield* Effect.repeat(TestClock.adjust("1 second"), { times: 40 })
      assert.strictEqual(yield* statusOf(job.correlation_id), "SUCCESS")
    }).pipe(withWorker())
  )

  it.effect("takes jobs all the same where the ACL does not let it make itself known", () =>
    Effect.gen(function* () {
      const workers = yield* Workers
      const denied = new RedisError({ command: "ZADD", reason: "Denied", message: "NOPERM" })
      const [id = ""] = yield* requests(1)
      yield* aWorker(Layer.succeed(Workers, { ...workers, announce: () => Effect.fail(denied) }))
      yield* Effect.repeat(TestClock.adjust("1 second"), { times: 3 })
      assert.strictEqual(yield* statusOf(id), "SUCCESS")
    }).pipe(withWorker())
  )

  it.effect("sweeps, and ends what is due, while it takes jobs", () =>
    Effect.gen(function* () {
      const aws = yield* AwsIamControl
      yield* TestClock.adjust("10 seconds")
      yield* request(aJob({ duration_minutes: 1 }))
      yield* aWorker()
      yield* settled
      // From its start on, so that an alert on the last sweep has something to go by.
      assert.strictEqual((yield* Metric.value(metrics.lastSweep)).value, 10)
      const forgotten = aJob({ principal: "forgotten" })
      yield* (yield* JobStore).submit(forgotten)
      yield* Effect.repeat(TestClock.adjust("1 second"), { times: 50 })
      assert.strictEqual(aws.attachments().length, 2)
      assert.strictEqual(yield* statusOf(forgotten.correlation_id), "SUCCESS")
      yield* Effect.repeat(TestClock.adjust("1 second"), { times: 40 })
      assert.strictEqual(aws.attachments().length, 1)
    }).pipe(withWorker({ orphanAfter: Duration.seconds(12) }))
  )

  it.effect("releases no delayed job while it could not take it", () =>
    Effect.gen(function* () {
      const aws = yield* AwsIamControl
      aws.obstruct({ when: "before", effect: Effect.sleep("10 seconds") })
      const [busy = ""] = yield* requests(1)
      yield* aWorker()
      yield* settled
      yield* (yield* Redis).setScore("{queue:aws}:delayed", bytes("due"), 0)
      yield* Effect.repeat(TestClock.adjust("1 second"), { times: 5 })
      assert.deepStrictEqual([yield* statusOf(busy), (yield* delayed).length], ["IN_PROGRESS", 1])
      yield* Effect.repeat(TestClock.adjust("1 second"), { times: 10 })
      assert.deepStrictEqual([yield* statusOf(busy), (yield* delayed).length], ["SUCCESS", 0])
    }).pipe(withWorker({ concurrency: 1 }))
  )

  it.effect("makes itself known again to a Redis that came back empty, before it takes anything there", () =>
    Effect.gen(function* () {
      const jobs = yield* JobQueue
      const redis = yield* Redis
      const away = yield* Ref.make(false)
      const lost = new RedisError({ command: "BLMOVE", reason: "Unavailable", message: "Connection is closed." })
      const unsteady = Layer.succeed(JobQueue, {
        ...jobs,
        take: (most) => Effect.flatMap(Ref.get(away), (isAway) => (isAway ? Effect.fail(lost) : jobs.take(most)))
      })
      yield* aWorker(unsteady)
      yield* settled
      yield* Ref.set(away, true)
      yield* TestClock.adjust("2 seconds")
      yield* redis.delete("{queue:aws}:workers")
      yield* Ref.set(away, false)
      yield* TestClock.adjust("1 second")
      // Long before the next heartbeat.
      assert.strictEqual((yield* redis.lowest("{queue:aws}:workers", Number.POSITIVE_INFINITY, 9)).length, 1)
    }).pipe(withWorker())
  )
})
