import { ListAttachedUserPoliciesCommand } from "@aws-sdk/client-iam"
import { type AssumeRoleCommandInput, GetCallerIdentityCommand } from "@aws-sdk/client-sts"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { LocalAws } from "../../../local/aws/LocalAws.ts"
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
  send,
  stsClient,
  withAws
} from "./fixture.ts"

const denied = (arn: string): string =>
  `User: arn:aws:iam::999999999999:user/cSecBridgeWorker is not authorized to perform: sts:AssumeRole on resource: ${arn}`

const constraint = (value: string, member: string, rule: string): string =>
  `1 validation error detected: Value '${value}' at '${member}' failed to satisfy constraint: Member must ${rule}`

describe("GetCallerIdentity", () => {
  it.effect("of a user", () =>
    Effect.gen(function* () {
      const sts = yield* stsClient()
      const identity = yield* send((options) => sts.send(new GetCallerIdentityCommand(), options))
      assert.strictEqual(identity.Arn, "arn:aws:iam::999999999999:user/cSecBridgeWorker")
      assert.strictEqual(identity.Account, "999999999999")
      assert.match(identity.UserId ?? "", /^AIDA[A-Z2-7]{17}$/)
    }).pipe(withAws())
  )

  it.effect("of a session", () =>
    Effect.gen(function* () {
      yield* declareWorld()
      const session = yield* assume()
      const sts = yield* stsClient({ credentials: keysOf(session) })
      const identity = yield* send((options) => sts.send(new GetCallerIdentityCommand(), options))
      assert.strictEqual(identity.Arn, `arn:aws:sts::${accountId}:assumed-role/Handler/worker`)
      assert.strictEqual(identity.Account, accountId)
      assert.strictEqual(identity.UserId, session.AssumedRoleUser?.AssumedRoleId)
    }).pipe(withAws())
  )
})

describe("AssumeRole", () => {
  it.effect("gives keys that last as long as asked", () =>
    Effect.gen(function* () {
      const { world } = yield* declareWorld()
      const before = Date.now()
      const Policy = JSON.stringify({ Version: "2012-10-17", Statement: [] })
      const session = yield* assume({ DurationSeconds: 900, ExternalId: "whatever", Policy })
      const expiration = session.Credentials?.Expiration?.getTime() ?? 0
      assert.isTrue(expiration >= before + 899_000 && expiration <= Date.now() + 900_000)
      assert.match(session.Credentials?.AccessKeyId ?? "", /^ASIA[A-Z2-7]{16}$/)
      assert.match(session.AssumedRoleUser?.AssumedRoleId ?? "", /^AROA[A-Z2-7]{17}:worker$/)
      assert.strictEqual(session.PackedPolicySize, 2)
      assert.deepStrictEqual(world.sessions(accountId), [
        {
          accessKeyId: session.Credentials?.AccessKeyId ?? "",
          accountId,
          roleName: "Handler",
          roleSessionName: "worker",
          externalId: "whatever",
          sourceIdentity: undefined,
          policy: Policy,
          durationSeconds: 900,
          expiresAt: expiration
        }
      ])
      assert.deepStrictEqual(world.sessions(otherAccountId), [])
    }).pipe(withAws())
  )

  it.effect("lasts an hour by default, and longer only where the role allows it", () =>
    Effect.gen(function* () {
      const { world } = yield* declareWorld()
      yield* assume()
      assert.strictEqual(world.sessions()[0]?.durationSeconds, 3600)
      const error = yield* Effect.flip(assume({ DurationSeconds: 43_200 }))
      assert.deepStrictEqual(facts(error), ["ValidationError", 400, "Sender"])
      assert.strictEqual(
        error.message,
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
      )
      world.addAccount({ accountId, handlerRole: { name: "Handler", maxSessionSeconds: 43_200 } })
      yield* assume({ DurationSeconds: 43_200 })
    }).pipe(withAws())
  )

  it.effect("chained lasts an hour at most", () =>
    Effect.gen(function* () {
      const { world } = yield* declareWorld()
      world.addAccount({ accountId: otherAccountId, handlerRole: { name: "Handler", maxSessionSeconds: 43_200 } })
      const credentials = keysOf(yield* assume())
      const chain = (DurationSeconds: number) =>
        assume({ RoleArn: handlerArn(otherAccountId), DurationSeconds }, { credentials })
      yield* chain(3600)
      const error = yield* Effect.flip(chain(3601))
      assert.strictEqual(
        error.message,
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
      )
    }).pipe(withAws())
  )

  it.effect("needs the role, its trust and its ExternalId", () =>
    Effect.gen(function* () {
      const { world } = yield* declareWorld()
      world.addAccount({ accountId: "333333333333", handlerRole: { name: "Handler", trusted: false } })
      world.addAccount({ accountId: "444444444444", handlerRole: { name: "Handler", externalId: "secret" } })
      const refused: ReadonlyArray<Partial<AssumeRoleCommandInput> & { readonly RoleArn: string }> = [
        { RoleArn: handlerArn("000000000000") },
        { RoleArn: `arn:aws:iam::${accountId}:role/Other` },
        { RoleArn: `arn:aws:iam::${accountId}:role/Deploy` },
        { RoleArn: handlerArn("333333333333") },
        { RoleArn: handlerArn("444444444444") },
        { RoleArn: handlerArn("444444444444"), ExternalId: "wrong" }
      ]
      for (const input of refused) {
        const error = yield* Effect.flip(assume(input))
        assert.deepStrictEqual(facts(error), ["AccessDenied", 403, "Sender"])
        assert.strictEqual(error.message, denied(input.RoleArn))
      }
      yield* assume({ RoleArn: handlerArn("444444444444"), ExternalId: "secret" })
      yield* assume({ RoleArn: `arn:aws:iam::${accountId}:role/some/path/handler` })
    }).pipe(withAws())
  )

  it.effect.each<readonly [string, Partial<AssumeRoleCommandInput>, string, string]>([
    ["no ARN", { RoleArn: "arn:aws:iam::1:role/Handler" }, "ValidationError", "arn:aws:iam::1:role/Handler is invalid"],
    [
      "a short ARN",
      { RoleArn: "x" },
      "ValidationError",
      constraint("x", "roleArn", "have length greater than or equal to 20")
    ],
    [
      "a short name",
      { RoleSessionName: "w" },
      "ValidationError",
      constraint("w", "roleSessionName", "have length greater than or equal to 2")
    ],
    [
      "a long name",
      { RoleSessionName: "w".repeat(65) },
      "ValidationError",
      constraint("w".repeat(65), "roleSessionName", "have length less than or equal to 64")
    ],
    [
      "a name with a slash",
      { RoleSessionName: "a/b" },
      "ValidationError",
      constraint("a/b", "roleSessionName", String.raw`satisfy regular expression pattern: [\w+=,.@-]*`)
    ],
    [
      "an ExternalId with a space",
      { ExternalId: "a b" },
      "ValidationError",
      constraint("a b", "externalId", String.raw`satisfy regular expression pattern: [\w+=,.@:\/-]*`)
    ],
    [
      "a short ExternalId",
      { ExternalId: "a" },
      "ValidationError",
      constraint("a", "externalId", "have length greater than or equal to 2")
    ],
    [
      "a short session",
      { DurationSeconds: 899 },
      "ValidationError",
      constraint("899", "durationSeconds", "have value greater than or equal to 900")
    ],
    [
      "a long session",
      { DurationSeconds: 43_201 },
      "ValidationError",
      constraint("43201", "durationSeconds", "have value less than or equal to 43200")
    ],
    ["a broken policy", { Policy: "{" }, "MalformedPolicyDocument", "This policy contains invalid Json"],
    [
      "a long policy",
      { Policy: JSON.stringify("x".repeat(2048)) },
      "PackedPolicyTooLarge",
      "Packed policy consumes 101% of allotted space, please use smaller policy."
    ]
  ])("refuses %s", ([, input, code, message]) =>
    Effect.gen(function* () {
      const { world } = yield* declareWorld()
      const error = yield* Effect.flip(assume(input))
      assert.deepStrictEqual(facts(error), [code, 400, "Sender"])
      assert.strictEqual(error.message, message)
      assert.deepStrictEqual(world.sessions(), [])
    }).pipe(withAws())
  )
})

describe("a session that is over", () => {
  const list = new ListAttachedUserPoliciesCommand({ UserName: "alice" })

  it.effect("by its time", () =>
    Effect.gen(function* () {
      const { setClockOffset } = yield* declareWorld()
      const credentials = keysOf(yield* assume({ DurationSeconds: 900 }))
      const later = (minutes: number) =>
        Effect.gen(function* () {
          setClockOffset(minutes * 60_000)
          const iam = yield* iamClient({ credentials, systemClockOffset: minutes * 60_000 })
          return yield* send((options) => iam.send(list, options))
        })
      yield* later(14)
      const error = yield* Effect.flip(later(16))
      assert.deepStrictEqual(facts(error), ["ExpiredToken", 403, "Sender"])
      assert.strictEqual(error.message, "The security token included in the request is expired")
    }).pipe(withAws())
  )

  it.effect("because it was ended, in that account alone", () =>
    Effect.gen(function* () {
      const { world } = yield* declareWorld()
      const iam = yield* iamIn()
      const elsewhere = yield* iamIn(otherAccountId)
      world.expireSessions(accountId)
      const error = yield* Effect.flip(send((options) => iam.send(list, options)))
      assert.deepStrictEqual(facts(error), ["ExpiredToken", 403, "Sender"])
      yield* send((options) => elsewhere.send(list, options))
      const renewed = yield* iamIn()
      yield* send((options) => renewed.send(list, options))
    }).pipe(withAws())
  )
})

it.effect("other master credentials can be declared", () =>
  Effect.gen(function* () {
    const { world } = yield* LocalAws
    world.addMaster({
      accessKeyId: "AKIAOTHER",
      secretAccessKey: "other",
      accountId: otherAccountId,
      userName: "other"
    })
    const sts = yield* stsClient({ credentials: { accessKeyId: "AKIAOTHER", secretAccessKey: "other" } })
    const identity = yield* send((options) => sts.send(new GetCallerIdentityCommand(), options))
    assert.strictEqual(identity.Arn, `arn:aws:iam::${otherAccountId}:user/other`)
  }).pipe(withAws())
)
