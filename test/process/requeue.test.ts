import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import { LocalAws } from "../../local/aws/LocalAws.ts"
import { eventually, startWorker } from "./program.ts"
import { awaitStatus, lengths, request, World, world } from "./world.ts"

/** As no encoder of ours would write it: odd blanks, an escape, and a field that nobody knows. */
const odd = (job: object) => ` {"note" :"\\u00e9 é", "unknown": [1,  2.50, null],\n${JSON.stringify(job).slice(1)} `

const queued = Effect.flatMap(World, ({ queue, redis }) => Effect.promise(() => redis.lrange(queue, 0, -1)))

describe.skipIf(inject("redis") === undefined)("a job whose retries are used up", () => {
  it.live.each(["blmove", "brpop"] as const)(
    "goes to the head of the queue byte for byte, is delivered again, and fails after the last delivery (%s)",
    (mode) =>
      Effect.gen(function* () {
        const aws = yield* LocalAws
        const { env } = yield* World
        aws.faults.add({ principal: "alice", effect: { kind: "error", code: "ServiceFailure" } })
        aws.faults.add({ principal: "bob", times: 1, effect: { kind: "hang" } })

        // One at a time: while the second hangs, the first has been given up and the third still waits.
        const first = yield* request({}, odd)
        const second = yield* request({ principal: "bob" })
        const third = yield* request({ principal: "deploy", principal_type: "Role" })
        yield* startWorker({
          ...env,
          REDIS_FETCH_MODE: mode,
          WORKER_CONCURRENCY: "1",
          AWS_CALL_TIMEOUT: "1 second",
          RETRY_MAX_ATTEMPTS: "2",
          JOB_MAX_DELIVERIES: "2"
        })

        yield* aws.awaitCall({ principal: "bob" })
        assert.deepStrictEqual(yield* queued, [odd(first), JSON.stringify(third)])
        const between = yield* awaitStatus(first.correlation_id, "PENDING")
        assert.deepStrictEqual(
          between.audit.map((it) => it.status),
          ["IN_PROGRESS", "PENDING"]
        )
        assert.match(between.audit[1]?.audit_log ?? "", /^Delivery 1 ended transiently: ServiceFailure: /)

        const { audit, references } = yield* awaitStatus(first.correlation_id, "FAILED")
        assert.deepStrictEqual(
          audit.map((it) => it.status),
          ["IN_PROGRESS", "PENDING", "IN_PROGRESS", "FAILED"]
        )
        assert.match(audit[2]?.audit_log ?? "", /^Delivery 2, claimed by w-1/)
        assert.match(audit[3]?.audit_log ?? "", /^ServiceFailure: /)
        assert.deepStrictEqual(references, [])
        assert.strictEqual(aws.calls.count({ principal: "alice" }), 4)
        for (const job of [second, third]) yield* awaitStatus(job.correlation_id, "SUCCESS")
        yield* eventually(lengths, ([waiting, held, dead]) => waiting + held + dead === 0)
      }).pipe(Effect.provide(world()))
  )
})
