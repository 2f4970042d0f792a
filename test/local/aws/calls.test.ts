import { AttachUserPolicyCommand, ListAttachedRolePoliciesCommand } from "@aws-sdk/client-iam"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { CallLog, type CallRecord } from "../../../local/aws/CallLog.ts"
import { accountId, assume, declareWorld, iamIn, readOnly, send, withAws } from "./fixture.ts"

const call = (at: number): CallRecord => ({
  operation: "AssumeRole",
  accountId,
  principal: undefined,
  policyArn: undefined,
  roleSessionName: undefined,
  outcome: "ok",
  requestId: "",
  at
})

it.effect("each call is recorded and counted", () =>
  Effect.gen(function* () {
    const { calls } = yield* declareWorld()
    const iam = yield* iamIn()
    const attached = yield* send((options) =>
      iam.send(new AttachUserPolicyCommand({ UserName: "Alice", PolicyArn: readOnly }), options)
    )
    yield* Effect.flip(
      send((options) => iam.send(new ListAttachedRolePoliciesCommand({ RoleName: "Nobody" }), options))
    )
    yield* Effect.flip(assume({ RoleArn: "arn:aws:iam::000000000000:role/Handler" }))
    const records = calls.list().map(({ at: _at, requestId: _requestId, ...rest }) => rest)
    const none = { principal: undefined, policyArn: undefined }
    const worker = { accountId, roleSessionName: "worker" }
    assert.deepStrictEqual(records, [
      { ...none, ...worker, operation: "AssumeRole", principal: "Handler", outcome: "ok" },
      { ...worker, operation: "AttachUserPolicy", principal: "Alice", policyArn: readOnly, outcome: "ok" },
      { ...none, ...worker, operation: "ListAttachedRolePolicies", principal: "Nobody", outcome: "NoSuchEntity" },
      {
        ...none,
        ...worker,
        operation: "AssumeRole",
        accountId: "000000000000",
        principal: "Handler",
        outcome: "AccessDenied"
      }
    ])
    assert.strictEqual(calls.list({ principal: "alice" })[0]?.requestId, attached.$metadata.requestId)
    assert.strictEqual(calls.count({ operation: "AssumeRole", outcome: "ok" }), 1)
    assert.deepStrictEqual(calls.counters(), {
      AssumeRole: { ok: 1, AccessDenied: 1 },
      AttachUserPolicy: { ok: 1 },
      ListAttachedRolePolicies: { NoSuchEntity: 1 }
    })
    calls.clear()
    assert.deepStrictEqual([calls.list(), calls.counters()], [[], {}])
  }).pipe(withAws())
)

it.effect("awaitCall waits for a call to come", () =>
  Effect.gen(function* () {
    const { awaitCall } = yield* declareWorld()
    const waiting = yield* Effect.forkChild(awaitCall({ operation: "AssumeRole" }), { startImmediately: true })
    yield* assume()
    assert.strictEqual((yield* Fiber.join(waiting)).outcome, "ok")
    assert.strictEqual((yield* awaitCall({ accountId })).operation, "AssumeRole")
  }).pipe(withAws())
)

describe("the ring", () => {
  it("keeps the last calls and counts all", () => {
    const log = new CallLog(3)
    const seen = (): ReadonlyArray<number> => log.list().map(({ at }) => at)
    log.record(call(1))
    log.record(call(2))
    assert.deepStrictEqual(seen(), [1, 2])
    log.record(call(3))
    assert.deepStrictEqual(seen(), [1, 2, 3])
    log.record(call(4))
    log.record(call(5))
    assert.deepStrictEqual(seen(), [3, 4, 5])
    assert.deepStrictEqual(log.counters(), { AssumeRole: { ok: 5 } })
  })
})
