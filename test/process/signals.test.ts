import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { inject } from "vitest"
import { LocalAws } from "../../local/aws/LocalAws.ts"
import { eventually, startWorker } from "./program.ts"
import { awaitStatus, lengths, recordOf, request, World, world } from "./world.ts"

describe.skipIf(inject("redis") === undefined)("a signal", () => {
  it.live.each(["SIGTERM", "SIGINT"] as const)("%s ends an idle worker within moments, with status 0", (signal) =>
    Effect.gen(function* () {
      const worker = yield* startWorker((yield* World).env)
      yield* worker.signal(signal)
      const [took, code] = yield* Effect.timed(worker.exit)
      assert.strictEqual(code, 0)
      assert.isBelow(Duration.toMillis(took), 3_000)
    }).pipe(Effect.provide(world()))
  )

  it.live("lets a job in flight finish, and takes no more", () =>
    Effect.gen(function* () {
      const { awaitCall, setLatency } = yield* LocalAws
      const worker = yield* startWorker((yield* World).env)
      setLatency(700)
      const inFlight = yield* request()
      yield* awaitCall({ operation: "AssumeRole" })
      yield* worker.signal("SIGTERM")
      yield* eventually(worker.get("/ready"), ({ status }) => status === 503)
      const late = yield* request({ principal: "bob" })
      assert.strictEqual(yield* worker.exit, 0)
      assert.strictEqual((yield* recordOf(inFlight.correlation_id)).status, "SUCCESS")
      assert.strictEqual((yield* recordOf(late.correlation_id)).status, "PENDING")
      assert.deepStrictEqual(yield* lengths, [1, 0, 0])
    }).pipe(Effect.provide(world()))
  )

  it.live.each(["blmove", "brpop"] as const)(
    "gives back what does not finish within the grace, to the right end (%s)",
    (mode) =>
      Effect.gen(function* () {
        const { awaitCall, calls, faults } = yield* LocalAws
        const { env, queue, redis } = yield* World
        faults.add({ operation: "AttachUserPolicy", times: 1, effect: { kind: "hang" } })
        const settings = { ...env, REDIS_FETCH_MODE: mode, WORKER_CONCURRENCY: "1", SHUTDOWN_GRACE: "2 seconds" }
        const worker = yield* startWorker(settings)
        const stuck = yield* request()
        yield* awaitCall({ operation: "AttachUserPolicy" })
        const waiting = yield* request({ principal: "bob" })
        yield* worker.signal("SIGTERM")
        const [took, code] = yield* Effect.timed(worker.exit)
        assert.strictEqual(code, 0)
        // Without an end of its own the call would hang for ten seconds.
        assert.isBelow(Duration.toMillis(took), 8_000)
        assert.strictEqual((yield* recordOf(stuck.correlation_id)).status, "PENDING")
        const left = yield* Effect.promise(() => redis.lrange(queue, 0, -1))
        assert.deepStrictEqual(
          left,
          [waiting, stuck].map((job) => JSON.stringify(job))
        )
        assert.deepStrictEqual(yield* lengths, [2, 0, 0])

        yield* startWorker({ ...settings, WORKER_ID: "w-2" })
        const { audit } = yield* awaitStatus(stuck.correlation_id, "SUCCESS")
        assert.match(audit.at(-2)?.audit_log ?? "", /^Delivery 1, claimed by w-2/)
        yield* awaitStatus(waiting.correlation_id, "SUCCESS")
        assert.strictEqual(calls.count({ operation: "AttachUserPolicy", outcome: "ok" }), 2)
      }).pipe(Effect.provide(world()))
  )

  it.live("the second one ends the worker at once", () =>
    Effect.gen(function* () {
      const { awaitCall, faults } = yield* LocalAws
      faults.add({ operation: "AttachUserPolicy", effect: { kind: "hang" } })
      const worker = yield* startWorker((yield* World).env)
      yield* request()
      yield* awaitCall({ operation: "AttachUserPolicy" })
      yield* worker.signal("SIGTERM")
      // The system makes one of two that come at the same moment.
      yield* eventually(Effect.sync(worker.stdout), (text) => text.includes("draining"))
      yield* worker.signal("SIGTERM")
      const [took, code] = yield* Effect.timed(worker.exit)
      // The grace is 25 seconds.
      assert.isBelow(Duration.toMillis(took), 10_000)
      assert.strictEqual(code, 143)
    }).pipe(Effect.provide(world()))
  )
})
