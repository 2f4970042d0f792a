import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { inject } from "vitest"
import { LocalAws } from "../../local/aws/LocalAws.ts"
import { eventually, logOf, startWorker } from "./program.ts"
import { account, awaitStatus, cached, commitRow, deadLetterOf, lengths, push, request, World, world } from "./world.ts"
import { aJob } from "../fixture.ts"

const readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess"
const drained = eventually(lengths, ([queued, held]) => queued === 0 && held === 0)

describe.skipIf(inject("redis") === undefined)("the main job", () => {
  it.live.each([
    ["ours", "blmove", "SUCCESS", "IN_PROGRESS"],
    ["ours", "brpop", "SUCCESS", "IN_PROGRESS"],
    ["legacy", "blmove", "success", "in_progress"],
    ["legacy", "brpop", "success", "in_progress"]
  ] as const)(
    "in the %s schema, fetched by %s, with no more than the worker's grants",
    ([schema, mode, success, inProgress]) =>
      Effect.gen(function* () {
        const { env } = yield* World
        const aws = yield* LocalAws
        const worker = yield* startWorker({ ...env, REDIS_FETCH_MODE: mode })

        const add = yield* request()
        const { audit, references } = yield* awaitStatus(add.correlation_id, success)
        assert.deepStrictEqual(
          audit.map((it) => it.status),
          [inProgress, success]
        )
        assert.match(audit[0]?.audit_log ?? "", /^Delivery 1, claimed by w-1 /)
        const [call] = aws.calls.list({ operation: "AttachUserPolicy" })
        assert.deepStrictEqual(references, [{ cloud_provider: "aws", ref_id: call?.requestId ?? "" }])
        assert.deepStrictEqual(aws.world.attachments(account, "User", "alice"), [readOnly])
        yield* eventually(cached(add.correlation_id), (exists) => exists === 0)

        const role = {
          principal: "deploy",
          principal_type: "Role",
          entitlement: "team/Auditors",
          entitlement_type: "custom"
        } as const
        const custom = yield* request(role)
        yield* awaitStatus(custom.correlation_id, success)
        const remove = yield* request({ action: "remove" })
        yield* awaitStatus(remove.correlation_id, success)
        assert.deepStrictEqual(aws.world.attachments(account, "User", "alice"), [])
        assert.deepStrictEqual(aws.world.attachments(account, "Role", "deploy"), [
          `arn:aws:iam::${account}:policy/team/Auditors`
        ])
        yield* drained

        yield* worker.signal("SIGTERM")
        assert.strictEqual(yield* worker.exit, 0)
        const done = logOf(worker).find((line) => line["correlation_id"] === add.correlation_id)
        assert.deepInclude(done, {
          level: "info",
          account_id: account,
          operation: "AttachUserPolicy",
          worker_id: "w-1"
        })
      }).pipe(Effect.provide(world(schema)))
  )

  it.live("sees no request of another cloud", () =>
    Effect.gen(function* () {
      const { env } = yield* World
      yield* startWorker(env)
      const job = aJob()
      yield* commitRow(job, "gcp")
      yield* push(JSON.stringify(job))
      const letter = yield* eventually(deadLetterOf(JSON.stringify(job)), Option.isSome)
      assert.strictEqual(Option.getOrThrow(letter)["reason"], "UnknownJob")
      yield* awaitStatus(job.correlation_id, "PENDING")
    }).pipe(Effect.provide(world()))
  )

  it.live("waits for a row that is committed late", () =>
    Effect.gen(function* () {
      const { env } = yield* World
      yield* startWorker(env)
      const job = aJob()
      yield* push(JSON.stringify(job))
      yield* eventually(lengths, ([queued, held]) => queued === 0 && held === 1)
      yield* commitRow(job)
      yield* awaitStatus(job.correlation_id, "SUCCESS")
    }).pipe(Effect.provide(world()))
  )

  it.live("serves probes and metrics", () =>
    Effect.gen(function* () {
      const { env } = yield* World
      const worker = yield* startWorker(env)
      const job = yield* request()
      yield* awaitStatus(job.correlation_id, "SUCCESS")
      assert.deepStrictEqual(yield* worker.get("/health"), { status: 200, body: '{"status":"ok"}' })
      const { body } = yield* eventually(worker.get("/metrics"), (it) => it.body.includes('outcome="success"} 1'))
      for (const name of [
        "jobs_in_flight",
        "job_duration_seconds_count",
        "queue_wait_seconds_count",
        "queue_depth",
        "queue_oldest_seconds",
        "dead_letters",
        "aws_calls_total",
        "aws_call_duration_seconds_count"
      ]) {
        assert.include(body, `\ncsb_worker_${name}`)
      }
      assert.strictEqual((yield* worker.get("/")).status, 404)
    }).pipe(Effect.provide(world()))
  )
})
