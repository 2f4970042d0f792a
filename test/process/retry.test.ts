import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import { LocalAws } from "../../local/aws/LocalAws.ts"
import { aJob } from "../fixture.ts"
import { operator, said } from "./operator.ts"
import { runCommand, startWorker } from "./program.ts"
import { account, awaitStatus, commitRow, lengths, recordOf, request, World, world } from "./world.ts"

const names = ["--by", "ann", "--why", "OPS-17: bob exists now"]

describe.skipIf(inject("redis") === undefined)("retry", () => {
  it.live("has a FAILED request carried out after all, and status tells the whole story", () =>
    Effect.gen(function* () {
      const aws = yield* LocalAws
      const { env: workers, sql } = yield* World
      const { database, redis } = yield* operator
      const env = { ...redis, ...database }
      const worker = yield* startWorker(workers)
      const job = yield* request({ principal: "carol", client_request_id: "ticket-1" })
      const id = job.correlation_id
      yield* awaitStatus(id, "FAILED")
      aws.world.addUser(account, "carol")

      assert.deepStrictEqual(yield* runCommand(env, "retry", id, ...names), {
        code: 0,
        stdout: `retried: request ${id} is PENDING again, and its job is in the queue\n`,
        stderr: ""
      })
      yield* awaitStatus(id, "SUCCESS")
      yield* worker.signal("SIGTERM")
      yield* worker.exit
      assert.deepStrictEqual(yield* runCommand(env, "retry", id, ...names), {
        code: 1,
        stdout: "",
        stderr: `error: request ${id} is SUCCESS. It is done; to do it once more, have it requested again\n`
      })

      // The times of a request that took its time.
      yield* sql`UPDATE csb_app.csb_requests SET req_time_stamp = '2026-11-25 15:00:00Z', last_upd_time_stamp = '2026-11-25 17:03:13.6Z'`
      const times = ["15:00:00.123", "15:00:01.456", "17:03:12", "17:03:13.5", "17:03:13.6"]
      yield* sql`UPDATE csb_app.csb_requests_audit AS audit SET audit_timestamp = ('2026-11-25 ' || times.at || 'Z')::timestamptz
        FROM (SELECT audit_id, row_number() OVER (ORDER BY audit_id) AS number FROM csb_app.csb_requests_audit) AS trail
        JOIN unnest(${times}::text[]) WITH ORDINALITY AS times(at, number) USING (number)
        WHERE audit.audit_id = trail.audit_id`
      const { references } = yield* recordOf(id)
      const [{ ref_id: reference } = { ref_id: "" }] = references
      const shown = yield* runCommand(database, "status", id)
      assert.strictEqual(
        shown.stdout
          .replaceAll(id, "<id>")
          .replaceAll(reference, "<reference>")
          .replaceAll(/take [^)]+/g, "take <t>"),
        said(
          "<id>  SUCCESS",
          "  add default ReadOnlyAccess to User carol in account 123456789012",
          "  requested 2026-11-25T15:00:00.000Z, changed 2026-11-25T17:03:13.600Z",
          "  AWS request <reference>",
          "",
          "  2026-11-25T15:00:00.123Z           IN_PROGRESS  Delivery 1, claimed by w-1 (take <t>)",
          "  2026-11-25T15:00:01.456Z   +1.3 s  FAILED       NoSuchEntity: The user with name carol cannot be found. (AttachUserPolicy)",
          "  2026-11-25T17:03:12.000Z   +2h 3m  PENDING      Retried by ann: OPS-17: bob exists now",
          "  2026-11-25T17:03:13.500Z   +1.5 s  IN_PROGRESS  Delivery 1, claimed by w-1 (take <t>)",
          "  2026-11-25T17:03:13.600Z  +100 ms  SUCCESS      Policy applied, AWS request <reference>"
        )
      )
      const { audit, ...fields } = JSON.parse((yield* runCommand(database, "status", id, "--json")).stdout)
      assert.deepStrictEqual(fields, {
        correlation_id: id,
        status: "SUCCESS",
        client_request_id: null,
        principal: "carol",
        action: "add",
        entitlement: "ReadOnlyAccess",
        account_id: account,
        principal_type: "User",
        entitlement_type: "default",
        duration_minutes: null,
        requested_at: "2026-11-25T15:00:00.000Z",
        updated_at: "2026-11-25T17:03:13.600Z",
        references: [reference]
      })
      assert.deepStrictEqual(audit[2], {
        at: "2026-11-25T17:03:12.000Z",
        after_ms: 7_390_544,
        status: "PENDING",
        log: "Retried by ann: OPS-17: bob exists now"
      })
    }).pipe(Effect.scoped, Effect.provide(world()))
  )

  it.live("needs a dead letter in the legacy schema, and says so", () =>
    Effect.gen(function* () {
      const { queue, redis: client, sql } = yield* World
      const { database, redis } = yield* operator
      const env = { ...redis, ...database }
      const job = aJob()
      const id = job.correlation_id
      yield* commitRow(job)
      yield* sql`UPDATE csb_requests SET status = 'failed'`
      const before = yield* recordOf(id)
      assert.deepStrictEqual(yield* runCommand(env, "retry", id, ...names), {
        code: 1,
        stdout: "",
        stderr: `error: the row of ${id} does not say enough for a job, and no dead letter that agrees with it is left. Have it requested again\n`
      })
      assert.deepStrictEqual(yield* recordOf(id), before)
      assert.match((yield* runCommand(database, "status", id)).stdout, /To put it back: retry/)

      const letter = {
        payload: JSON.stringify(job),
        reason: "WorkerLost",
        message: "",
        correlation_id: id,
        worker_id: "w-1",
        failed_at: "2026-11-25T15:02:00.000Z"
      }
      yield* Effect.promise(() => client.lpush(`${queue}_error`, JSON.stringify(letter)))
      assert.strictEqual((yield* runCommand(env, "retry", id, ...names)).code, 0)
      assert.deepStrictEqual(yield* lengths, [1, 0, 0])
      assert.deepStrictEqual(yield* recordOf(id), {
        status: "queued",
        audit: [{ status: "queued", audit_log: "Retried by ann: OPS-17: bob exists now" }],
        references: []
      })
    }).pipe(Effect.scoped, Effect.provide(world("legacy")))
  )

  it.live.each([
    ["nobody's name", ["--why", "x"], "by"],
    ["no reason", ["--by", "ann"], "why"],
    ["a line break in the reason", ["--by", "ann", "--why", "x\nRetried by bob: y"], "why"]
  ] as const)("refuses %s", ([, args, flag]) =>
    Effect.gen(function* () {
      const { code, stderr } = yield* runCommand({}, "retry", randomUUID(), ...args)
      assert.strictEqual(code, 1)
      assert.match(stderr, new RegExp(`ERROR\\s.*--${flag}`, "s"))
    })
  )
})
