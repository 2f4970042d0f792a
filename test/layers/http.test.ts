import { assert, describe, it } from "@effect/vitest"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { DateTime, Duration, Effect, Layer, Option, Ref } from "effect"
import { HttpClient, HttpRouter } from "effect/http"
import { ConnectionError, SqlError } from "effect/sql/SqlError"
import { metricsRoute } from "../../src/layers/http/metricsRoute.ts"
import { probeRoutes } from "../../src/layers/http/probeRoutes.ts"
import { JobQueue } from "../../src/services/JobQueue.ts"
import { JobStore } from "../../src/services/JobStore.ts"
import { Redis, RedisError } from "../../src/services/Redis.ts"
import { WorkerStatus } from "../../src/services/WorkerStatus.ts"
import { aJob, bytes, memoryWorker } from "../fixture.ts"

/** The routes on a free port, over the memory worker or whatever replaces a part of it. */
const served = <A>(replaced: Layer.Layer<A, never, JobStore | Redis | JobQueue>) =>
  HttpRouter.serve(Layer.merge(probeRoutes, metricsRoute), { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provide(replaced),
    Layer.provideMerge(NodeHttpServer.layerTest),
    Layer.provideMerge(memoryWorker())
  )
const healthy = served(Layer.empty)

const get = (path: string) =>
  Effect.gen(function* () {
    const response = yield* HttpClient.get(path)
    return { status: response.status, body: yield* response.text }
  })
const running = Effect.flatMap(WorkerStatus, ({ phase }) => Ref.set(phase, "running"))

describe("probes", () => {
  it.live("a running worker is healthy and ready", () =>
    Effect.gen(function* () {
      yield* running
      assert.deepStrictEqual(yield* get("/health"), { status: 200, body: '{"status":"ok"}' })
      assert.deepStrictEqual(yield* get("/ready"), { status: 200, body: '{"status":"ready"}' })
    }).pipe(Effect.provide(healthy))
  )

  it.live.each([
    ["starting", 200, 503, "fetch loop"],
    ["draining", 200, 503, "draining"],
    ["stopped", 503, 503, "fetch loop"]
  ] as const)("%s: health %s, ready %s with %s", ([phase, health, ready, failing]) =>
    Effect.gen(function* () {
      yield* Ref.set((yield* WorkerStatus).phase, phase)
      assert.strictEqual((yield* get("/health")).status, health)
      const answer = yield* get("/ready")
      assert.strictEqual(answer.status, ready)
      assert.include(answer.body, `"failing":["${failing}"]`)
    }).pipe(Effect.provide(healthy))
  )

  const outage = new SqlError({ reason: new ConnectionError({ cause: new Error("refused") }) })
  const noRedis = new RedisError({ command: "PING", reason: "Unavailable", message: "Connection is closed." })
  const withStore = (ping: Effect.Effect<void, SqlError>) =>
    Layer.effect(
      JobStore,
      Effect.map(JobStore, (store) => ({ ...store, ping }))
    )
  const withRedis = (ping: Effect.Effect<void, RedisError>) =>
    Layer.effect(
      Redis,
      Effect.map(Redis, (redis) => ({ ...redis, ping }))
    )

  it.live.each([
    ["postgresql", served(withStore(Effect.fail(outage)))],
    ["postgresql", served(withStore(Effect.never))],
    ["redis", served(withRedis(Effect.fail(noRedis)))],
    ["redis", served(withRedis(Effect.never))]
  ] as const)("%s out of reach: healthy, not ready", ([failing, layer]) =>
    Effect.gen(function* () {
      yield* running
      assert.strictEqual((yield* get("/health")).status, 200)
      assert.deepStrictEqual(yield* get("/ready"), {
        status: 503,
        body: `{"status":"unavailable","failing":["${failing}"]}`
      })
    }).pipe(Effect.provide(layer))
  )

  it.live("a take that fails: healthy, not ready, and it says why", () =>
    Effect.gen(function* () {
      yield* running
      yield* Ref.set((yield* WorkerStatus).fetchFault, Option.some("NOPERM blmove"))
      assert.strictEqual((yield* get("/health")).status, 200)
      assert.include((yield* get("/ready")).body, '"failing":["take: NOPERM blmove"]')
    }).pipe(Effect.provide(healthy))
  )

  it.live("its own credentials wrong: healthy, not ready", () =>
    Effect.gen(function* () {
      yield* running
      yield* Ref.set((yield* WorkerStatus).credentialsFault, Option.some("SignatureDoesNotMatch"))
      assert.strictEqual((yield* get("/health")).status, 200)
      assert.include((yield* get("/ready")).body, "aws credentials")
    }).pipe(Effect.provide(healthy))
  )

  it.live("answers nothing else", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* get("/")).status, 404)
    }).pipe(Effect.provide(healthy))
  )
})

describe("/metrics", () => {
  const valueOf = (body: string, name: string) => {
    const line = body.split("\n").find((it) => it.startsWith(`${name} `))
    return line === undefined ? undefined : Number(line.slice(name.length + 1))
  }

  it.live("reads the queue when it is asked", () =>
    Effect.gen(function* () {
      const jobs = yield* JobQueue
      const before = (yield* get("/metrics")).body
      assert.strictEqual(valueOf(before, "csb_worker_queue_depth"), 0)
      assert.strictEqual(valueOf(before, "csb_worker_queue_oldest_seconds"), 0)
      const received = DateTime.subtractDuration(yield* DateTime.now, Duration.seconds(90))
      yield* jobs.submit(bytes(aJob({ received_at: DateTime.formatIso(received) })))
      yield* jobs.submit(bytes("no job"))
      const { body, status } = yield* get("/metrics")
      assert.strictEqual(status, 200)
      assert.strictEqual(valueOf(body, "csb_worker_queue_depth"), 2)
      assert.strictEqual(valueOf(body, "csb_worker_dead_letters"), 0)
      const age = valueOf(body, "csb_worker_queue_oldest_seconds") ?? 0
      assert.isTrue(age >= 90 && age < 100)
    }).pipe(Effect.provide(healthy))
  )

  it.live("tells whether the worker is ready", () =>
    Effect.gen(function* () {
      assert.strictEqual(valueOf((yield* get("/metrics")).body, "csb_worker_ready"), 0)
      yield* running
      assert.strictEqual(valueOf((yield* get("/metrics")).body, "csb_worker_ready"), 1)
    }).pipe(Effect.provide(healthy))
  )

  const denied = new RedisError({ command: "LLEN", reason: "Denied", message: "NOPERM" })
  it.live("shows no number that it cannot read", () =>
    Effect.gen(function* () {
      const { body, status } = yield* get("/metrics")
      assert.strictEqual(status, 200)
      assert.notInclude(body, "\ncsb_worker_queue_depth ")
    }).pipe(
      Effect.provide(
        served(
          Layer.effect(
            JobQueue,
            Effect.map(JobQueue, (jobs) => ({ ...jobs, stats: Effect.fail(denied) }))
          )
        )
      )
    )
  )
})
