import { subscribe, unsubscribe } from "node:diagnostics_channel"
import { IncomingMessage } from "node:http"
import { AttachUserPolicyCommand, ListAttachedUserPoliciesCommand } from "@aws-sdk/client-iam"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Predicate } from "effect"
import { type ErrorCode, errorCodes } from "../../../local/aws/Errors.ts"
import type { FaultEffect } from "../../../local/aws/Faults.ts"
import {
  accountId,
  assume,
  declareWorld,
  facts,
  handlerArn,
  iamClient,
  iamIn,
  keysOf,
  otherAccountId,
  readOnly,
  send,
  withAws
} from "./fixture.ts"

const attach = new AttachUserPolicyCommand({ UserName: "alice", PolicyArn: readOnly })
const list = new ListAttachedUserPoliciesCommand({ UserName: "alice" })

/** The next response whose headers an HTTP client of this process has: its body may still be missing. */
const nextResponse = Effect.callback<IncomingMessage>((resume) => {
  const listener = (message: unknown): void => {
    if (Predicate.hasProperty(message, "response") && message.response instanceof IncomingMessage) {
      resume(Effect.succeed(message.response))
    }
  }
  subscribe("http.client.response.finish", listener)
  return Effect.sync(() => unsubscribe("http.client.response.finish", listener))
})

/** Every code: status, type, and what the SDK calls the error when IAM's model knows it. */
const errors: Record<ErrorCode, readonly [number, "Sender" | "Receiver", string?]> = {
  AccessDenied: [403, "Sender"],
  ConcurrentModification: [409, "Sender", "ConcurrentModificationException"],
  EntityTemporarilyUnmodifiable: [409, "Sender", "EntityTemporarilyUnmodifiableException"],
  ExpiredToken: [403, "Sender"],
  IncompleteSignature: [400, "Sender"],
  InternalFailure: [500, "Receiver"],
  InvalidAction: [400, "Sender"],
  InvalidClientTokenId: [403, "Sender"],
  InvalidInput: [400, "Sender", "InvalidInputException"],
  LimitExceeded: [409, "Sender", "LimitExceededException"],
  MalformedPolicyDocument: [400, "Sender", "MalformedPolicyDocumentException"],
  MissingAction: [400, "Sender"],
  MissingAuthenticationToken: [403, "Sender"],
  NoSuchEntity: [404, "Sender", "NoSuchEntityException"],
  PackedPolicyTooLarge: [400, "Sender"],
  PolicyNotAttachable: [400, "Sender", "PolicyNotAttachableException"],
  RegionDisabledException: [403, "Sender"],
  RequestExpired: [400, "Sender"],
  RequestLimitExceeded: [503, "Receiver"],
  ServiceFailure: [500, "Receiver", "ServiceFailureException"],
  ServiceUnavailable: [503, "Receiver"],
  SignatureDoesNotMatch: [403, "Sender"],
  Throttling: [400, "Sender"],
  ThrottlingException: [400, "Sender"],
  TooManyRequests: [429, "Sender"],
  UnmodifiableEntity: [400, "Sender", "UnmodifiableEntityException"],
  ValidationError: [400, "Sender"]
}

describe("an AWS error", () => {
  it.effect.each(errorCodes)("%s", (code) =>
    Effect.gen(function* () {
      const { calls, faults, world } = yield* declareWorld()
      const [status, type, name = code] = errors[code]
      const iam = yield* iamIn()
      faults.add({ operation: "AttachUserPolicy", times: 1, effect: { kind: "error", code } })
      const error = yield* Effect.flip(send((options) => iam.send(attach, options)))
      assert.deepStrictEqual(facts(error), [code, status, type])
      assert.strictEqual(error.name, name)
      assert.strictEqual(error.$metadata?.requestId, calls.list({ outcome: code })[0]?.requestId)
      assert.isUndefined(error.$response?.headers["retry-after"])
      assert.deepStrictEqual(world.attachments(accountId, "User", "alice"), [])
      yield* send((options) => iam.send(attach, options))
    }).pipe(withAws())
  )

  it.effect("with Retry-After and words of its own", () =>
    Effect.gen(function* () {
      const { faults } = yield* declareWorld()
      const iam = yield* iamIn()
      faults.add({ effect: { kind: "error", code: "Throttling", retryAfterSeconds: 7, message: `<"slow" & 'down'>` } })
      const error = yield* Effect.flip(send((options) => iam.send(attach, options)))
      assert.strictEqual(error.$response?.headers["retry-after"], "7")
      assert.strictEqual(error.message, `<"slow" & 'down'>`)
    }).pipe(withAws())
  )

  it.effect("from STS", () =>
    Effect.gen(function* () {
      const { faults } = yield* declareWorld()
      faults.add({ operation: "AssumeRole", effect: { kind: "error", code: "RegionDisabledException" } })
      const error = yield* Effect.flip(assume())
      assert.deepStrictEqual(facts(error), ["RegionDisabledException", 403, "Sender"])
    }).pipe(withAws())
  )
})

describe("an answer that is no AWS error", () => {
  it.effect.each<readonly [FaultEffect, number, string]>([
    [{ kind: "html" }, 503, "Unknown"],
    [{ kind: "html", status: 502 }, 502, "Unknown"],
    [{ kind: "empty" }, 503, "Unknown"],
    [{ kind: "empty", status: 500 }, 500, "Unknown"]
  ])("%j", ([effect, status, name]) =>
    Effect.gen(function* () {
      const { calls, faults, world } = yield* declareWorld()
      const iam = yield* iamIn()
      faults.add({ operation: "AttachUserPolicy", effect })
      const error = yield* Effect.flip(send((options) => iam.send(attach, options)))
      assert.deepStrictEqual(facts(error), [undefined, status, undefined])
      assert.strictEqual(error.name, name)
      assert.isUndefined(error.$metadata?.requestId)
      assert.deepStrictEqual(world.attachments(accountId, "User", "alice"), [])
      assert.strictEqual(calls.count({ outcome: effect.kind }), 1)
    }).pipe(withAws())
  )

  it.effect.each<readonly ["resetBefore" | "resetAfter", ReadonlyArray<string>]>([
    ["resetBefore", []],
    ["resetAfter", [readOnly]]
  ])("%s", ([kind, attached]) =>
    Effect.gen(function* () {
      const { calls, faults, world } = yield* declareWorld()
      const iam = yield* iamIn()
      faults.add({ operation: "AttachUserPolicy", times: 1, effect: { kind } })
      const error = yield* Effect.flip(send((options) => iam.send(attach, options)))
      assert.deepStrictEqual([error.name, error.code], ["TimeoutError", "ECONNRESET"])
      assert.isUndefined(error.$metadata?.httpStatusCode)
      assert.deepStrictEqual(world.attachments(accountId, "User", "alice"), attached)
      assert.strictEqual(calls.count({ outcome: kind }), 1)
    }).pipe(withAws())
  )

  it.effect.each<readonly ["hang" | "hangAfter" | "stall", ReadonlyArray<string>]>([
    ["hang", []],
    ["hangAfter", [readOnly]],
    ["stall", [readOnly]]
  ])("%s", ([kind, attached]) =>
    Effect.gen(function* () {
      const { awaitCall, faults, world } = yield* declareWorld()
      const iam = yield* iamIn()
      faults.add({ operation: "AttachUserPolicy", times: 1, effect: { kind } })
      const waiting = yield* Effect.forkChild(send((options) => iam.send(attach, options)))
      const call = yield* awaitCall({ outcome: kind })
      assert.strictEqual(call.operation, "AttachUserPolicy")
      // Another call makes the round trip meanwhile, and there is still no answer.
      yield* send((options) => iam.send(list, options))
      assert.isUndefined(waiting.pollUnsafe())
      assert.deepStrictEqual(world.attachments(accountId, "User", "alice"), attached)
      yield* Fiber.interrupt(waiting)
    }).pipe(withAws())
  )

  it.effect("stall: the headers are there", () =>
    Effect.gen(function* () {
      const { faults } = yield* declareWorld()
      const iam = yield* iamIn()
      faults.add({ operation: "AttachUserPolicy", effect: { kind: "stall" } })
      const headers = yield* Effect.forkChild(nextResponse, { startImmediately: true })
      const waiting = yield* Effect.forkChild(send((options) => iam.send(attach, options)))
      const response = yield* Fiber.join(headers)
      assert.strictEqual(response.statusCode, 200)
      assert.isFalse(response.complete)
      yield* Fiber.interrupt(waiting)
    }).pipe(withAws())
  )

  it.effect("the end of the scope ends calls that hang", () =>
    Effect.gen(function* () {
      const waiting = yield* Effect.gen(function* () {
        const { awaitCall, faults } = yield* declareWorld()
        const iam = yield* iamClient({ credentials: keysOf(yield* assume()) })
        faults.add({ effect: { kind: "hang" } })
        const fiber = yield* Effect.forkDetach(Effect.flip(send((options) => iam.send(attach, options))))
        yield* awaitCall({ outcome: "hang" })
        return fiber
      }).pipe(withAws())
      const error = yield* Fiber.join(waiting)
      assert.strictEqual(error.code, "ECONNRESET")
    })
  )
})

describe("expireSessions", () => {
  it.effect("ends every session of the account", () =>
    Effect.gen(function* () {
      const { faults, world } = yield* declareWorld()
      const iam = yield* iamIn()
      const same = yield* iamIn()
      const elsewhere = yield* iamIn(otherAccountId)
      faults.add({ accountId, times: 1, effect: { kind: "expireSessions" } })
      yield* send((options) => elsewhere.send(list, options))
      for (const client of [iam, same]) {
        const error = yield* Effect.flip(send((options) => client.send(attach, options)))
        assert.deepStrictEqual(facts(error), ["ExpiredToken", 403, "Sender"])
      }
      assert.deepStrictEqual(world.attachments(accountId, "User", "alice"), [])
      const renewed = yield* iamIn()
      yield* send((options) => renewed.send(attach, options))
    }).pipe(withAws())
  )

  it.effect("on AssumeRole ends the older ones", () =>
    Effect.gen(function* () {
      const { faults } = yield* declareWorld()
      const older = yield* iamIn()
      faults.add({ operation: "AssumeRole", effect: { kind: "expireSessions" } })
      const newer = yield* iamIn()
      assert.strictEqual((yield* Effect.flip(send((options) => older.send(list, options)))).Code, "ExpiredToken")
      yield* send((options) => newer.send(list, options))
    }).pipe(withAws())
  )
})

describe("rules", () => {
  const throttling: FaultEffect = { kind: "error", code: "Throttling" }

  it.effect("strike only what they match, so many times, the oldest first", () =>
    Effect.gen(function* () {
      const { faults, world } = yield* declareWorld()
      world.addUser(accountId, "bob")
      const iam = yield* iamIn()
      const codeOf = (UserName: string) =>
        send((options) => iam.send(new ListAttachedUserPoliciesCommand({ UserName }), options)).pipe(
          Effect.match({ onFailure: (error) => error.Code, onSuccess: () => "ok" })
        )
      faults.add({ operation: "ListAttachedUserPolicies", accountId, principal: "ALICE", times: 2, effect: throttling })
      faults.add({ principal: "alice", times: 1, effect: { kind: "error", code: "ServiceFailure" } })
      faults.add({ accountId: otherAccountId, effect: throttling })
      faults.add({ operation: "AttachUserPolicy", effect: throttling })
      assert.strictEqual(yield* codeOf("bob"), "ok")
      assert.strictEqual(yield* codeOf("alice"), "Throttling")
      assert.deepStrictEqual(
        faults.list().map(({ times }) => times),
        [1, 1, undefined, undefined]
      )
      assert.strictEqual(yield* codeOf("alice"), "Throttling")
      assert.strictEqual(yield* codeOf("alice"), "ServiceFailure")
      assert.strictEqual(yield* codeOf("alice"), "ok")
      assert.strictEqual((yield* Effect.flip(assume({ RoleArn: handlerArn(otherAccountId) }))).Code, "Throttling")
      faults.clear()
      yield* assume({ RoleArn: handlerArn(otherAccountId) })
      yield* send((options) => iam.send(attach, options))
    }).pipe(withAws())
  )
})

it.effect("writes beyond an account's rate are throttled", () =>
  Effect.gen(function* () {
    const { setClockOffset, setWriteRate } = yield* declareWorld()
    const iam = yield* iamIn()
    const elsewhere = yield* iamIn(otherAccountId)
    const write = send((options) => iam.send(attach, options))
    // A bucket that nothing refills within the test's own time.
    setWriteRate(0.001)
    yield* write
    const error = yield* Effect.flip(write)
    assert.deepStrictEqual(facts(error), ["Throttling", 400, "Sender"])
    assert.strictEqual(error.message, "Rate exceeded")
    yield* send((options) => iam.send(list, options))
    yield* send((options) => elsewhere.send(attach, options))
    setWriteRate(0.01)
    yield* write
    yield* Effect.flip(write)
    setClockOffset(101_000)
    yield* write
    yield* Effect.flip(write)
    setWriteRate(undefined)
    yield* write
    yield* write
  }).pipe(withAws())
)

it.effect("latency comes before each answer", () =>
  Effect.gen(function* () {
    const { calls, setLatency, world } = yield* declareWorld()
    const iam = yield* iamIn()
    setLatency(30)
    yield* send((options) => iam.send(attach, options))
    assert.isAtLeast(Date.now() - (calls.list({ operation: "AttachUserPolicy" })[0]?.at ?? 0), 29)
    assert.deepStrictEqual(world.attachments(accountId, "User", "alice"), [readOnly])
  }).pipe(withAws())
)
