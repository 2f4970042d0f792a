import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { type ErrorCode, errorCodes } from "../../local/aws/Errors.ts"
import { LocalAws } from "../../local/aws/LocalAws.ts"
import { classify } from "../../src/domain/classify.ts"
import { operationOf, policyChange } from "../../src/domain/PolicyChange.ts"
import { AwsIamLive } from "../../src/layers/aws/AwsIamLive.ts"
import { AwsSessionsLive } from "../../src/layers/aws/AwsSessionsLive.ts"
import { AwsIam } from "../../src/services/AwsIam.ts"
import type { AwsConfig } from "../../src/services/Config.ts"
import { aJob, awsKeys, testAwsConfig, testWorkerConfig } from "../fixture.ts"

const account = "123456789012"
const readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess"

/** The SDK as the worker uses it, against a local AWS of the test's own, in which the account has what the tests name. */
const live = (settings: Partial<AwsConfig["Service"]> = {}) =>
  AwsIamLive.pipe(
    Layer.provide(AwsSessionsLive),
    Layer.provide(
      Layer.unwrap(
        Effect.map(LocalAws, ({ master, url, world }) => {
          world.addAccount({
            accountId: account,
            handlerRole: { name: "cSecBridgeIAMHandlerRole", externalId: "ext-1" },
            users: ["alice"],
            roles: ["deploy"],
            policies: ["team/Auditors"]
          })
          return testAwsConfig({
            stsEndpoint: Option.some(url),
            iamEndpoint: Option.some(url),
            externalId: Option.some("ext-1"),
            credentials: Option.some(awsKeys(master.accessKeyId, master.secretAccessKey)),
            ...settings
          })
        })
      )
    ),
    Layer.provide(testWorkerConfig()),
    Layer.provideMerge(LocalAws.layer())
  )
const change = (fields: Parameters<typeof aJob>[0] = {}) => policyChange("aws", aJob(fields))
const apply = (fields: Parameters<typeof aJob>[0] = {}) => Effect.flatMap(AwsIam, (iam) => iam.apply(change(fields)))
const refusal = (fields: Parameters<typeof aJob>[0] = {}) => Effect.flip(apply(fields))

describe("AwsIam over the SDK", () => {
  it.live.each([
    ["User", "alice", "default", "ReadOnlyAccess", readOnly],
    ["Role", "deploy", "custom", "team/Auditors", `arn:aws:iam::${account}:policy/team/Auditors`]
  ] as const)(
    "attaches to a %s, sees it, and detaches",
    ([principal_type, principal, entitlement_type, entitlement, arn]) =>
      Effect.gen(function* () {
        const { world } = yield* LocalAws
        const iam = yield* AwsIam
        const add = change({ principal_type, principal, entitlement_type, entitlement })
        const { requestId } = yield* iam.apply(add)
        assert.isTrue(Option.isSome(requestId))
        assert.deepStrictEqual(world.attachments(account, principal_type, principal), [arn])
        assert.isTrue((yield* iam.isAttached(add)).value)
        const remove = { ...add, action: "remove" as const }
        yield* iam.apply(remove)
        assert.deepStrictEqual(world.attachments(account, principal_type, principal), [])
        assert.isFalse((yield* iam.isAttached(add)).value)
        const error = yield* Effect.flip(iam.apply(remove))
        assert.deepStrictEqual([error._tag, error.operation], ["NoSuchEntity", operationOf(remove)])
      }).pipe(Effect.provide(live()))
  )

  it.live("looks through all pages of the attachments", () =>
    Effect.gen(function* () {
      const { calls, world } = yield* LocalAws
      world.addAccount({ accountId: account, attachmentQuota: 300 })
      for (let index = 0; index < 150; index++) {
        world.addPolicy(account, `p${index}`)
        world.attach(account, "User", "alice", `arn:aws:iam::${account}:policy/p${index}`)
      }
      const iam = yield* AwsIam
      const last = change({ entitlement: "p99", entitlement_type: "custom" })
      assert.isTrue((yield* iam.isAttached(last)).value)
      assert.isAbove(calls.count({ operation: "ListAttachedUserPolicies" }), 1)
      assert.isFalse((yield* iam.isAttached(change())).value)
    }).pipe(Effect.provide(live()))
  )

  it.live("lists all that is attached to a principal, in every page, with sessions that can only read", () =>
    Effect.gen(function* () {
      const { calls, world } = yield* LocalAws
      world.addAccount({ accountId: account, attachmentQuota: 300 })
      const arns = Array.from({ length: 150 }, (_, index) => `arn:aws:iam::${account}:policy/p${index}`)
      for (const [index, arn] of arns.entries()) {
        world.addPolicy(account, `p${index}`)
        world.attach(account, "User", "alice", arn)
      }
      const attachedTo = (principalType: "User" | "Role", principal: string) =>
        Effect.flatMap(AwsIam, (iam) => iam.attachedTo({ accountId: account, principalType, principal }))
      assert.sameMembers([...(yield* attachedTo("User", "alice")).value], arns)
      assert.deepStrictEqual((yield* attachedTo("Role", "deploy")).value, [])
      assert.strictEqual((yield* Effect.flip(attachedTo("Role", "alice")))._tag, "NoSuchEntity")
      const [session, ...more] = world.sessions(account)
      assert.deepStrictEqual(more, [])
      assert.include(session?.policy, "iam:ListAttachedRolePolicies")
      assert.notMatch(session?.policy ?? "", /Attach(?:User|Role)Policy|iam:Detach/)

      world.expireSessions(account)
      assert.lengthOf((yield* attachedTo("User", "alice")).value, 150)
      assert.strictEqual(calls.count({ operation: "AssumeRole" }), 2)
    }).pipe(Effect.provide(live()))
  )

  it.live("assumes the role once for all that ask at once, and with least privilege", () =>
    Effect.gen(function* () {
      const { calls, world } = yield* LocalAws
      yield* Effect.all(
        Array.from({ length: 50 }, () => apply()),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(calls.count({ operation: "AssumeRole" }), 1)
      const [session] = world.sessions(account)
      assert.deepInclude(session, {
        roleSessionName: "cSecBridgeWorkerSession",
        externalId: "ext-1",
        durationSeconds: 3_600
      })
      assert.notInclude(session?.policy, "iam:*")
      assert.include(session?.policy, "iam:AttachUserPolicy")
    }).pipe(Effect.provide(live()))
  )

  it.live("assumes again, once, when a session is over before its time", () =>
    Effect.gen(function* () {
      const { calls, world } = yield* LocalAws
      yield* apply()
      world.expireSessions(account)
      yield* apply({ principal: "alice" })
      assert.strictEqual(calls.count({ operation: "AssumeRole" }), 2)
      assert.strictEqual(calls.count({ outcome: "ExpiredToken" }), 1)
    }).pipe(Effect.provide(live()))
  )

  it.live("assumes again once, however many jobs find their session over", () =>
    Effect.gen(function* () {
      const { calls, world } = yield* LocalAws
      yield* apply()
      world.expireSessions(account)
      yield* Effect.all(
        Array.from({ length: 20 }, () => apply()),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(calls.count({ operation: "AssumeRole" }), 2)
    }).pipe(Effect.provide(live()))
  )

  it.live("finds an attached policy by its name in another case, and for a remove under another path", () =>
    Effect.gen(function* () {
      const { world } = yield* LocalAws
      const iam = yield* AwsIam
      world.attach(account, "User", "alice", `arn:aws:iam::${account}:policy/team/Auditors`)
      const attached = (fields: Parameters<typeof aJob>[0]) =>
        Effect.map(iam.isAttached(change({ entitlement_type: "custom", ...fields })), ({ value }) => value)
      assert.isTrue(yield* attached({ entitlement: "team/auditors" }))
      assert.isTrue(yield* attached({ entitlement: "Auditors", action: "remove" }))
      assert.isFalse(yield* attached({ entitlement: "Auditors" }))
      assert.isFalse(yield* attached({ entitlement: "Auditors2", action: "remove" }))
    }).pipe(Effect.provide(live()))
  )

  it.live("gives up on sessions that are over at once", () =>
    Effect.gen(function* () {
      const { calls, faults } = yield* LocalAws
      faults.add({ operation: "AttachUserPolicy", effect: { kind: "error", code: "ExpiredToken" } })
      assert.strictEqual((yield* refusal())._tag, "SessionExpired")
      assert.strictEqual(calls.count({ operation: "AttachUserPolicy" }), 2)
    }).pipe(Effect.provide(live()))
  )

  it.effect("uses a session for 54 of its 60 minutes", () =>
    Effect.gen(function* () {
      const { calls } = yield* LocalAws
      // AWS keeps real time; the worker's clock starts with it.
      yield* TestClock.setTime(yield* TestClock.withLive(Clock.currentTimeMillis))
      yield* apply()
      yield* TestClock.adjust("53 minutes")
      yield* apply()
      assert.strictEqual(calls.count({ operation: "AssumeRole" }), 1)
      yield* TestClock.adjust("2 minutes")
      yield* apply()
      assert.strictEqual(calls.count({ operation: "AssumeRole" }), 2)
    }).pipe(Effect.provide(live()))
  )

  it.live("remembers for a while that an account cannot be entered", () =>
    Effect.gen(function* () {
      const { calls } = yield* LocalAws
      const error = yield* refusal()
      assert.deepStrictEqual([error._tag, error.operation], ["AccessDenied", "AssumeRole"])
      yield* refusal()
      assert.strictEqual(calls.count({ operation: "AssumeRole" }), 1)
    }).pipe(Effect.provide(live({ externalId: Option.some("another") })))
  )

  it.live("asks STS again after a transient failure", () =>
    Effect.gen(function* () {
      const { calls, faults } = yield* LocalAws
      faults.add({ operation: "AssumeRole", times: 1, effect: { kind: "error", code: "Throttling" } })
      const error = yield* refusal()
      assert.deepStrictEqual([error._tag, error.operation], ["Throttling", "AssumeRole"])
      yield* apply()
      assert.strictEqual(calls.count({ operation: "AssumeRole" }), 2)
    }).pipe(Effect.provide(live()))
  )

  it.live("tells who the worker is", () =>
    Effect.gen(function* () {
      const { master } = yield* LocalAws
      assert.strictEqual(yield* (yield* AwsIam).identity, `arn:aws:iam::${master.accountId}:user/${master.userName}`)
    }).pipe(Effect.provide(live()))
  )

  const wrongKeys = Option.some(awsKeys("AKIANOBODYKNOWSTHIS1", "x"))
  it.live("knows when its own credentials are wrong", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* refusal())._tag, "CredentialsInvalid")
      assert.strictEqual((yield* Effect.flip((yield* AwsIam).identity))._tag, "CredentialsInvalid")
    }).pipe(Effect.provide(live({ credentials: wrongKeys })))
  )
})

describe("an error of AWS, through the SDK", () => {
  it.live.each(
    errorCodes
      .filter((code) => code !== "ExpiredToken" && code !== "InvalidClientTokenId")
      .map((code) => [code] as const)
  )("%s is what the table says, after one call", ([code]: readonly [ErrorCode]) =>
    Effect.gen(function* () {
      const { calls, faults } = yield* LocalAws
      faults.add({ operation: "AttachUserPolicy", effect: { kind: "error", code, message: "why" } })
      const error = yield* refusal()
      const expected = classify({
        operation: "AttachUserPolicy",
        code,
        message: "why",
        status: 400,
        retryAfter: undefined
      })
      assert.deepInclude(error, {
        _tag: expected._tag,
        code: expected.code,
        message: "why",
        operation: "AttachUserPolicy"
      })
      assert.strictEqual(calls.count({ operation: "AttachUserPolicy" }), 1)
    }).pipe(Effect.provide(live()))
  )

  it.live("brings what the server asked to wait", () =>
    Effect.gen(function* () {
      const { faults } = yield* LocalAws
      faults.add({ effect: { kind: "error", code: "Throttling", retryAfterSeconds: 7 }, operation: "AttachUserPolicy" })
      assert.propertyVal(yield* refusal(), "retryAfter", 7_000)
    }).pipe(Effect.provide(live()))
  )

  it.live.each([
    ["html", 503, "ServiceUnavailable"],
    ["html", 502, "ServiceUnavailable"],
    ["empty", 500, "ServiceUnavailable"],
    ["empty", 429, "Throttling"]
  ] as const)("a body of %s with status %s is %s", ([kind, status, tag]) =>
    Effect.gen(function* () {
      const { faults } = yield* LocalAws
      faults.add({ operation: "AttachUserPolicy", effect: { kind, status } })
      assert.strictEqual((yield* refusal())._tag, tag)
    }).pipe(Effect.provide(live()))
  )

  it.live.each([["resetBefore"], ["resetAfter"]] as const)(
    "a connection cut by %s is a Timeout: nobody knows",
    ([kind]) =>
      Effect.gen(function* () {
        const { faults } = yield* LocalAws
        faults.add({ operation: "AttachUserPolicy", effect: { kind } })
        const error = yield* refusal()
        assert.deepInclude(error, { _tag: "Timeout", code: "ECONNRESET" })
      }).pipe(Effect.provide(live()))
  )

  it.live.each([["hang"], ["stall"], ["hangAfter"]] as const)(
    "an answer that does not come (%s) ends with AWS_CALL_TIMEOUT",
    ([kind]) =>
      Effect.gen(function* () {
        const { faults } = yield* LocalAws
        faults.add({ operation: "AttachUserPolicy", effect: { kind } })
        const [took, error] = yield* Effect.timed(refusal())
        assert.strictEqual(error._tag, "Timeout")
        assert.isBelow(Duration.toMillis(took), 5_000)
      }).pipe(Effect.provide(live({ callTimeout: Duration.millis(300) })))
  )

  it.live("nothing listens: ServiceUnavailable", () =>
    Effect.gen(function* () {
      assert.deepInclude(yield* refusal(), { _tag: "ServiceUnavailable", code: "ECONNREFUSED" })
    }).pipe(Effect.provide(live({ stsEndpoint: Option.some("http://127.0.0.1:1") })))
  )

  it.live("an interrupted call is ended, not left behind", () =>
    Effect.gen(function* () {
      const { awaitCall, faults } = yield* LocalAws
      faults.add({ operation: "AttachUserPolicy", effect: { kind: "hang" } })
      const calling = yield* Effect.forkChild(apply())
      yield* awaitCall({ operation: "AttachUserPolicy" })
      yield* Fiber.interrupt(calling)
    }).pipe(Effect.provide(live()))
  )
})
