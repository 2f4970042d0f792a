import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schema, Struct } from "effect"
import { decodeJob, Job, maxPayloadBytes, receivedAt } from "../../src/domain/Job.ts"
import { aJob, bytes } from "../fixture.ts"

const refusal = (payload: Uint8Array) => Effect.flip(decodeJob(payload))

describe("decodeJob", () => {
  it.effect("takes what the API pushes", () =>
    Effect.gen(function* () {
      const job = yield* decodeJob(
        bytes({
          correlation_id: "6f1f3bd0-9f0e-4a5e-8f52-0e9d7f3f2a11",
          client_request_id: "ticket-17",
          target_cloud: "aws",
          account_id: "012345678901",
          principal: "deploy@ci+x=,.-_",
          principal_type: "ROLE",
          action: "remove",
          entitlement: "service-role/AWSLambdaBasicExecutionRole",
          entitlement_type: "default",
          duration_minutes: 90,
          received_at: "2026-11-24T10:30:00.123456+00:00",
          approver: "somebody"
        })
      )
      assert.strictEqual(job.principal_type, "Role")
      assert.strictEqual(job.account_id, "012345678901")
      assert.strictEqual(job.duration_minutes, 90)
      assert.isTrue(Option.isSome(receivedAt(job)))
      assert.notProperty(job, "approver")
    })
  )

  it.effect.each([1, 2_147_483_647])("takes an end after %s minutes", (duration_minutes) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* decodeJob(bytes(aJob({ duration_minutes })))).duration_minutes, duration_minutes)
    })
  )

  it.effect("takes null for what is optional", () =>
    Effect.gen(function* () {
      const nulls = { client_request_id: null, target_cloud: null, duration_minutes: null, received_at: null }
      const job = yield* decodeJob(bytes({ ...aJob(), ...nulls }))
      assert.isTrue(Option.isNone(receivedAt(job)))
    })
  )

  const fields: ReadonlyArray<readonly [string, unknown]> = [
    ["account_id", "12345678901"],
    ["account_id", "1234567890123"],
    ["account_id", 123456789012],
    ["account_id", "12345678901a"],
    ["account_id", "123456789012\n"],
    ["principal", ""],
    ["principal", "a".repeat(65)],
    ["principal", "al ice"],
    ["principal", "alice'; DROP TABLE csb_requests; --"],
    ["principal", "alice\nbob"],
    ["principal", "*"],
    ["principal", "team/alice"],
    ["principal", "älice"],
    ["principal_type", "Group"],
    ["principal_type", null],
    ["action", "ADD"],
    ["action", "attach"],
    ["entitlement", ""],
    ["entitlement", "a".repeat(129)],
    ["entitlement", "/ReadOnlyAccess"],
    ["entitlement", "service-role/"],
    ["entitlement", "a//b"],
    ["entitlement", "*"],
    ["entitlement", "arn:aws:iam::aws:policy/ReadOnlyAccess"],
    ["entitlement", "ReadOnlyAccess\u0000"],
    ["entitlement_type", "managed"],
    ["target_cloud", "gcp"],
    ["client_request_id", 17],
    ["duration_minutes", 0],
    ["duration_minutes", -5],
    ["duration_minutes", 1.5],
    // More than PostgreSQL's integer takes: the claim would fail again and again.
    ["duration_minutes", 2_147_483_648],
    ["duration_minutes", "60"],
    ["received_at", "yesterday"],
    ["received_at", 1_764_000_000]
  ]
  it.effect.each(fields)("refuses %s = %j, and still knows the request", ([field, value]) =>
    Effect.gen(function* () {
      const job = aJob()
      const error = yield* refusal(bytes({ ...job, [field]: value }))
      assert.include(error.message, field)
      assert.notInclude(error.message, "\n")
      assert.deepStrictEqual(error.correlationId, Option.some(job.correlation_id))
    })
  )

  it.effect.each(["account_id", "principal", "principal_type", "action", "entitlement", "entitlement_type"])(
    "refuses a job without %s",
    (field) =>
      Effect.gen(function* () {
        const error = yield* refusal(bytes({ ...aJob(), [field]: undefined }))
        assert.include(error.message, field)
      })
  )

  it.effect.each(["", "{", "null", "17", "[]", '"text"', '{"correlation_id":"x"}', '{"correlation_id":"'.padEnd(40)])(
    "refuses %j without knowing a request",
    (payload) =>
      Effect.gen(function* () {
        assert.deepStrictEqual((yield* refusal(bytes(payload))).correlationId, Option.none())
      })
  )

  it.effect("refuses bytes that are not UTF-8", () =>
    Effect.gen(function* () {
      const text = JSON.stringify(aJob({ principal: "PLACEHOLDER" }))
      const [before, after] = text.split("PLACEHOLDER")
      const error = yield* refusal(
        Buffer.concat([Buffer.from(before ?? ""), Buffer.from([0xff, 0xfe]), Buffer.from(after ?? "")])
      )
      assert.include(error.message, "UTF-8")
      assert.deepStrictEqual(error.correlationId, Option.none())
    })
  )

  it.effect("refuses a byte order mark, which no JSON text begins with", () =>
    Effect.gen(function* () {
      const error = yield* refusal(bytes(`\uFEFF${JSON.stringify(aJob())}`))
      assert.strictEqual(error.message, "not JSON")
    })
  )

  it.effect("takes a payload of the greatest size, and refuses one byte more unread", () =>
    Effect.gen(function* () {
      const job = aJob()
      const padded = (size: number) => {
        const bare = JSON.stringify({ ...job, padding: "" })
        return bytes({ ...job, padding: "x".repeat(size - bare.length) })
      }
      assert.strictEqual(maxPayloadBytes, 65_536)
      assert.strictEqual((yield* decodeJob(padded(maxPayloadBytes))).correlation_id, job.correlation_id)
      const error = yield* refusal(padded(maxPayloadBytes + 1))
      assert.deepStrictEqual(error.correlationId, Option.none())
    })
  )

  // Without a traceparent, which may be any JSON, and JSON knows no -0.
  it.effect.prop("takes every job that its schema allows", [Job], ([any]) =>
    Effect.gen(function* () {
      const job = Struct.omit(any, ["traceparent"])
      assert.deepStrictEqual(yield* decodeJob(bytes(yield* Schema.encodeEffect(Job)(job))), job)
    })
  )

  it.effect.prop("answers for any bytes", [Schema.Uint8Array], ([payload]) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* refusal(payload))._tag, "InvalidPayload")
    })
  )
})
