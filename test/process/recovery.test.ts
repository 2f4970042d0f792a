import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import { LocalAws } from "../../local/aws/LocalAws.ts"
import { eventually, startWorker } from "./program.ts"
import { awaitStatus, lengths, recordOf, request, World, world } from "./world.ts"

const quick = { JOB_LEASE: "2 seconds", RECOVERY_INTERVAL: "300 millis", ORPHAN_AFTER: "3 seconds" }

/** A worker that is killed while AWS has not answered it. */
const dieWorking = (env: Readonly<Record<string, string>>) =>
  Effect.gen(function* () {
    const aws = yield* LocalAws
    aws.faults.add({ operation: "AttachUserPolicy", times: 1, effect: { kind: "hang" } })
    const worker = yield* startWorker({ ...env, ...quick })
    const job = yield* request()
    yield* aws.awaitCall({ operation: "AttachUserPolicy" })
    yield* worker.signal("SIGKILL")
    yield* worker.exit
    return job
  })

const holds = (body: string, line: string) => body.split("\n").includes(line)

describe.skipIf(inject("redis") === undefined)("a worker that was killed", () => {
  it.live.each(["ours", "legacy"] as const)("leaves its jobs to any other one (%s schema)", (schema) =>
    Effect.gen(function* () {
      const { env } = yield* World
      const job = yield* dieWorking(env)
      const other = yield* startWorker({ ...env, ...quick, WORKER_ID: `w-${randomUUID()}` })
      const { audit } = yield* awaitStatus(job.correlation_id, schema === "ours" ? "SUCCESS" : "success")
      assert.deepStrictEqual(
        audit.map(({ status }) => status.toUpperCase().replace("QUEUED", "PENDING")),
        ["IN_PROGRESS", "PENDING", "IN_PROGRESS", "SUCCESS"]
      )
      // Not counted as a delivery.
      assert.match(audit[2]?.audit_log ?? "", /^Delivery 1, /)
      yield* eventually(lengths, (all) => all.every((length) => length === 0))
      yield* eventually(other.get("/metrics"), ({ body }) =>
        holds(body, 'csb_worker_jobs_total{outcome="recovered"} 1')
      )
    }).pipe(Effect.provide(world(schema)))
  )

  it.live("goes on with its jobs itself when it is started again with the same id", () =>
    Effect.gen(function* () {
      const { env } = yield* World
      const job = yield* dieWorking(env)
      yield* startWorker({ ...env, ...quick })
      yield* awaitStatus(job.correlation_id, "SUCCESS")
      yield* eventually(lengths, (all) => all.every((length) => length === 0))
    }).pipe(Effect.provide(world()))
  )
})

describe.skipIf(inject("redis") === undefined)("a request whose job is lost", () => {
  it.live("gets a new one when its row says enough", () =>
    Effect.gen(function* () {
      const { env, queue, redis, sql } = yield* World
      const job = yield* request({ duration_minutes: null })
      yield* sql`UPDATE csb_app.csb_requests SET principal_type = 'User', entitlement_type = 'default'
        WHERE correlation_id = ${job.correlation_id}`
      yield* Effect.promise(() => redis.del(queue))
      yield* startWorker({ ...env, ...quick })
      const { audit } = yield* awaitStatus(job.correlation_id, "SUCCESS")
      assert.deepStrictEqual(
        audit.map(({ status }) => status),
        ["IN_PROGRESS", "SUCCESS"]
      )
    }).pipe(Effect.provide(world()))
  )

  it.live("is counted in a legacy database, and holds up no younger one on its key for long", () =>
    Effect.gen(function* () {
      const { env, queue, redis } = yield* World
      const lost = yield* request()
      yield* Effect.promise(() => redis.del(queue))
      const younger = yield* request()
      const worker = yield* startWorker({ ...env, ...quick })
      yield* awaitStatus(younger.correlation_id, "success")
      yield* eventually(worker.get("/metrics"), ({ body }) => holds(body, "csb_worker_orphans 1"))
      assert.strictEqual((yield* recordOf(lost.correlation_id)).status, "queued")
    }).pipe(Effect.provide(world("legacy")))
  )
})
