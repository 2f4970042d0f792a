import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import { LocalAws } from "../../local/aws/LocalAws.ts"
import { eventually, startWorker } from "./program.ts"
import { account, awaitStatus, lengths, request, World, world } from "./world.ts"

describe.skipIf(inject("redis") === undefined)("an outcome that meets a database outage", () => {
  it.live("is kept until it lands, and the call to AWS is not made again", () =>
    Effect.gen(function* () {
      const aws = yield* LocalAws
      const { database, env, sql } = yield* World
      const worker = yield* startWorker(env)
      const kill = sql`
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = ${database.name} AND usename = 'csb_aws_user'`

      // Away from before AWS answers until after the first try to record it.
      aws.faults.add({ operation: "AttachUserPolicy", times: 1, effect: { kind: "error", code: "Throttling" } })
      aws.setLatency(150)
      const job = yield* request()
      yield* aws.awaitCall({ operation: "AttachUserPolicy" })
      yield* sql`ALTER DATABASE ${sql(database.name)} CONNECTION LIMIT 0`
      yield* kill
      yield* eventually(
        Effect.sync(worker.stdout),
        (log) => log.includes('"error_type":"PostgreSQL') && log.includes("will try again")
      )
      assert.strictEqual((yield* worker.get("/health")).status, 200)
      assert.match((yield* eventually(worker.get("/ready"), ({ status }) => status === 503)).body, /postgresql/)
      yield* sql`ALTER DATABASE ${sql(database.name)} CONNECTION LIMIT -1`

      const { audit, references } = yield* awaitStatus(job.correlation_id, "SUCCESS")
      assert.deepStrictEqual(
        audit.map((it) => it.status),
        ["IN_PROGRESS", "SUCCESS"]
      )
      assert.strictEqual(references.length, 1)
      assert.strictEqual(aws.calls.count({ operation: "AttachUserPolicy", outcome: "ok" }), 1)
      yield* eventually(lengths, ([queued, held]) => queued + held === 0)
    }).pipe(Effect.provide(world()))
  )
})

describe.skipIf(inject("redis") === undefined)("one connection to PostgreSQL", () => {
  it.live("serves all jobs in flight, since none holds it while AWS is called", () =>
    Effect.gen(function* () {
      const aws = yield* LocalAws
      const { database, env, sql } = yield* World
      const users = Array.from({ length: 40 }, (_, number) => `user-${number}`)
      aws.world.addAccount({ accountId: account, users })
      yield* startWorker({ ...env, DB_POOL_MAX_CONN: "1", WORKER_CONCURRENCY: "40", ACCOUNT_CONCURRENCY: "40" })
      aws.faults.add({ operation: "AttachUserPolicy", times: 40, effect: { kind: "hang" } })
      for (const principal of users) yield* request({ principal })
      yield* eventually(
        Effect.sync(() => aws.calls.count({ operation: "AttachUserPolicy" })),
        (calls) => calls === 40
      )
      assert.deepStrictEqual(
        yield* sql`SELECT state FROM pg_stat_activity WHERE datname = ${database.name} AND usename = 'csb_aws_user'`,
        [{ state: "idle" }]
      )
    }).pipe(Effect.provide(world()))
  )
})
