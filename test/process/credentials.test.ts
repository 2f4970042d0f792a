import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import { LocalAws } from "../../local/aws/LocalAws.ts"
import { eventually, start } from "./program.ts"
import { awaitStatus, request, World, world } from "./world.ts"

const rotated = { accessKeyId: "AKIAROTATEDROTATED00", secretAccessKey: "rotated-secret" }

describe.skipIf(inject("redis") === undefined)("while AWS does not know the worker", () => {
  it.live("jobs go back uncounted, none is taken, /ready says why, and all goes on once it does", () =>
    Effect.gen(function* () {
      const aws = yield* LocalAws
      const { env, queue, redis } = yield* World
      const [first, second] = [yield* request(), yield* request({ principal: "bob" })]
      const worker = yield* start({
        ...env,
        AWS_ACCESS_KEY: rotated.accessKeyId,
        AWS_SECRET_KEY: rotated.secretAccessKey,
        HTTP_HOST: "127.0.0.1",
        HTTP_PORT: "0",
        WORKER_CONCURRENCY: "1"
      })

      const { audit } = yield* eventually(awaitStatus(first.correlation_id, "PENDING"), (it) => it.audit.length === 2)
      assert.match(audit[1]?.audit_log ?? "", /^Given back, not counted as a delivery: .*credentials or clock/)
      // The take that was waiting for a slot comes after the refusal, and gives back what it took: the list is short meanwhile.
      const goneBack = [second, first].map((job) => JSON.stringify(job)).join("\n")
      yield* eventually(
        Effect.promise(() => redis.lrange(queue, 0, -1)),
        (payloads) => payloads.join("\n") === goneBack
      )
      yield* eventually(Effect.sync(worker.stdout), (log) => log.includes("listening on"))
      const url = /listening on (http:[^"]+)/.exec(worker.stdout())?.[1] ?? ""
      const ready = Effect.promise(async () => {
        const answer = await fetch(`${url}/ready`)
        return { status: answer.status, body: await answer.text() }
      })
      assert.deepStrictEqual(yield* ready, {
        status: 503,
        body: '{"status":"unavailable","failing":["aws credentials"]}'
      })
      assert.strictEqual(aws.calls.count({ operation: "AttachUserPolicy" }), 0)

      aws.world.addMaster({ ...rotated, accountId: "999999999999", userName: "worker" })
      for (const job of [first, second]) {
        const done = yield* awaitStatus(job.correlation_id, "SUCCESS")
        assert.match(done.audit.at(-2)?.audit_log ?? "", /^Delivery 1, /)
      }
      assert.strictEqual((yield* ready).status, 200)
    }).pipe(Effect.provide(world()))
  )
})
