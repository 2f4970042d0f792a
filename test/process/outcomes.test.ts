import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { inject } from "vitest"
import type { ErrorCode } from "../../local/aws/Errors.ts"
import { LocalAws } from "../../local/aws/LocalAws.ts"
import { aJob } from "../fixture.ts"
import { eventually, startWorker } from "./program.ts"
import {
  awaitStatus,
  cached,
  closedAccount,
  commitRow,
  deadLetterOf,
  lengths,
  push,
  request,
  World,
  world
} from "./world.ts"

const lastLog = (record: { readonly audit: ReadonlyArray<{ readonly audit_log: string }> }) =>
  record.audit.at(-1)?.audit_log ?? ""
const empty = eventually(lengths, ([queued, held]) => queued === 0 && held === 0)

describe.skipIf(inject("redis") === undefined)("outcomes", () => {
  it.live("fails for good what will never go through, after one call", () =>
    Effect.gen(function* () {
      const aws = yield* LocalAws
      yield* startWorker({
        ...(yield* World).env,
        POLICY_DENY: "*/AdministratorAccess",
        POLICY_ALLOW: "arn:aws:iam::aws:policy/*"
      })
      const codes: ReadonlyArray<ErrorCode> = ["LimitExceeded", "PolicyNotAttachable", "UnmodifiableEntity"]
      for (const code of codes) {
        aws.faults.add({ principal: "bob", times: 1, effect: { kind: "error", code } })
        const job = yield* request({ principal: "bob" })
        assert.match(
          lastLog(yield* awaitStatus(job.correlation_id, "FAILED")),
          new RegExp(`^${code}: .*AttachUserPolicy`)
        )
      }
      assert.strictEqual(aws.calls.count({ principal: "bob" }), codes.length)

      const refused = [
        [yield* request({ account_id: closedAccount }), /^AccessDenied: .*\(AssumeRole\)$/],
        [yield* request({ principal: "nobody" }), /^NoSuchEntity: .*\(AttachUserPolicy\)$/],
        [yield* request({ entitlement: "AdministratorAccess" }), /^PolicyForbidden: .*POLICY_DENY$/],
        [yield* request({ entitlement: "X", entitlement_type: "custom" }), /^PolicyForbidden: .*POLICY_ALLOW$/],
        [
          yield* request({ principal: "cSecBridgeIAMHandlerRole", principal_type: "Role" }),
          /^PolicyForbidden: .*PRINCIPAL_DENY$/
        ]
      ] as const
      for (const [job, log] of refused) {
        assert.match(lastLog(yield* awaitStatus(job.correlation_id, "FAILED")), log)
        yield* eventually(cached(job.correlation_id), (exists) => exists === 0)
      }
      yield* empty
    }).pipe(Effect.provide(world()))
  )

  it.live("retries what may pass, and delivers again what does not, until it fails", () =>
    Effect.gen(function* () {
      const aws = yield* LocalAws
      const { env } = yield* World
      aws.faults.add({ operation: "AttachUserPolicy", times: 2, effect: { kind: "error", code: "Throttling" } })
      yield* startWorker({ ...env, RETRY_MAX_ATTEMPTS: "3", JOB_MAX_DELIVERIES: "2" })
      const passing = yield* request()
      assert.strictEqual((yield* awaitStatus(passing.correlation_id, "SUCCESS")).audit.length, 2)

      aws.faults.add({ operation: "AttachUserPolicy", effect: { kind: "html", status: 503 } })
      const payload = (job: object) => ` {"unknown": [1,  2], ${JSON.stringify(job).slice(1)}`
      const failing = yield* request({ principal: "bob" }, payload)
      const { audit } = yield* awaitStatus(failing.correlation_id, "FAILED")
      assert.deepStrictEqual(
        audit.map((it) => it.status),
        ["IN_PROGRESS", "PENDING", "IN_PROGRESS", "FAILED"]
      )
      assert.match(audit[1]?.audit_log ?? "", /^Delivery 1 ended transiently: /)
      assert.match(audit[2]?.audit_log ?? "", /^Delivery 2, claimed by /)
      assert.strictEqual(aws.calls.count({ principal: "bob" }), 6)
      yield* empty
    }).pipe(Effect.provide(world()))
  )

  it.live("knows duplicates, whether the first is done or in progress", () =>
    Effect.gen(function* () {
      const aws = yield* LocalAws
      const worker = yield* startWorker((yield* World).env)
      aws.setLatency(200)
      const job = yield* request()
      for (let copy = 0; copy < 5; copy++) yield* push(JSON.stringify(job))
      yield* awaitStatus(job.correlation_id, "SUCCESS")
      yield* push(JSON.stringify(job))
      yield* eventually(worker.get("/metrics"), ({ body }) => body.includes('outcome="duplicate"} 6'))
      yield* empty
      assert.strictEqual(aws.calls.count({ operation: "AttachUserPolicy" }), 1)
    }).pipe(Effect.provide(world()))
  )

  it.live("settles by reading back what became of a call whose answer was lost", () =>
    Effect.gen(function* () {
      const aws = yield* LocalAws
      yield* startWorker({ ...(yield* World).env, AWS_CALL_TIMEOUT: "300 millis" })
      for (const kind of ["resetAfter", "hangAfter"] as const) {
        aws.faults.add({ operation: "AttachUserPolicy", times: 1, effect: { kind } })
        const job = yield* request({ principal: kind === "resetAfter" ? "alice" : "bob" })
        assert.match(lastLog(yield* awaitStatus(job.correlation_id, "SUCCESS")), /^Policy found so/)
      }
      assert.strictEqual(aws.calls.count({ operation: "AttachUserPolicy" }), 2)
      const gone = yield* request({ action: "remove", entitlement: "SecurityAudit" })
      assert.match(lastLog(yield* awaitStatus(gone.correlation_id, "SUCCESS")), /^Policy already so/)
    }).pipe(Effect.provide(world()))
  )

  it.live("refuses a payload that is not what its row says", () =>
    Effect.gen(function* () {
      const aws = yield* LocalAws
      yield* startWorker((yield* World).env)
      const job = yield* request({}, (it) => JSON.stringify({ ...it, principal: "bob" }))
      const record = yield* awaitStatus(job.correlation_id, "FAILED")
      assert.strictEqual(lastLog(record), "PayloadMismatch: payload and row disagree in principal")
      const letter = yield* eventually(deadLetterOf(JSON.stringify({ ...job, principal: "bob" })), Option.isSome)
      assert.deepInclude(Option.getOrThrow(letter), { reason: "PayloadMismatch", correlation_id: job.correlation_id })
      assert.strictEqual(aws.calls.count(), 0)
    }).pipe(Effect.provide(world()))
  )

  const job = aJob()
  const payloads: ReadonlyArray<readonly [string, string | Buffer]> = [
    ["nothing", ""],
    ["no JSON", "{"],
    ["no object", "[1]"],
    ["not UTF-8", Buffer.concat([Buffer.from('{"principal":"'), Buffer.from([0xff, 0xc0]), Buffer.from('"}')])],
    ["too large", JSON.stringify({ ...aJob(), padding: "x".repeat(65_536) })],
    ["deeply nested", "[".repeat(50_000)],
    ...(
      [
        ["quotes", { principal: "alice'; DROP TABLE csb_requests; --" }],
        ["a newline", { principal: "alice\nbob" }],
        ["wildcards", { entitlement: "%*?" }],
        ["an ARN", { entitlement: "arn:aws:iam::aws:policy/ReadOnlyAccess" }],
        ["a wrong type", { account_id: 123456789012 }],
        ["a wrong action", { action: "grant" }],
        ["prototypes", { __proto__: null, constructor: { prototype: 1 }, action: "x" }]
      ] as const
    ).map(([name, fields]) => [name, JSON.stringify({ ...job, ...fields })] as const)
  ]

  it.live("keeps the bytes of what is no job, and goes on", () =>
    Effect.gen(function* () {
      const worker = yield* startWorker((yield* World).env)
      yield* commitRow(job)
      for (const [, payload] of payloads) yield* push(payload)
      for (const [name, payload] of payloads) {
        const letter = yield* eventually(deadLetterOf(payload), Option.isSome)
        assert.strictEqual(Option.getOrThrow(letter)["reason"], "InvalidPayload", name)
      }
      assert.match(lastLog(yield* awaitStatus(job.correlation_id, "FAILED")), /^InvalidPayload: /)
      const good = yield* request()
      yield* awaitStatus(good.correlation_id, "SUCCESS")
      assert.strictEqual((yield* worker.get("/health")).status, 200)
      yield* empty
    }).pipe(Effect.provide(world()))
  )

  it.live("refuses an end that a legacy database has no place for, unless told to ignore it", () =>
    Effect.gen(function* () {
      const { env } = yield* World
      const refusing = yield* startWorker(env)
      const job = yield* request({ duration_minutes: 60 })
      yield* awaitStatus(job.correlation_id, "failed")
      yield* refusing.signal("SIGTERM")
      yield* refusing.exit
      yield* startWorker({ ...env, DURATION_UNSUPPORTED: "ignore" })
      yield* awaitStatus((yield* request({ duration_minutes: 60 })).correlation_id, "success")
    }).pipe(Effect.provide(world("legacy")))
  )
})
