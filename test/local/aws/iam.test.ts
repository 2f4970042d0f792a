import {
  AttachRolePolicyCommand,
  AttachUserPolicyCommand,
  DetachRolePolicyCommand,
  DetachUserPolicyCommand,
  ListAttachedRolePoliciesCommand,
  ListAttachedUserPoliciesCommand
} from "@aws-sdk/client-iam"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { LocalAws } from "../../../local/aws/LocalAws.ts"
import {
  accountId,
  assume,
  auditors,
  declareWorld,
  facts,
  iamClient,
  iamIn,
  keysOf,
  otherAccountId,
  readOnly,
  send,
  withAws
} from "./fixture.ts"

const managed = (pathAndName: string): string => `arn:aws:iam::aws:policy/${pathAndName}`

describe("attaching and detaching", () => {
  it.effect("a user's policy", () =>
    Effect.gen(function* () {
      const { world } = yield* declareWorld()
      const iam = yield* iamIn()
      const attach = send((options) =>
        iam.send(new AttachUserPolicyCommand({ UserName: "alice", PolicyArn: readOnly }), options)
      )
      const detach = send((options) =>
        iam.send(new DetachUserPolicyCommand({ UserName: "alice", PolicyArn: readOnly }), options)
      )
      const attached = yield* attach
      assert.strictEqual(attached.$metadata.httpStatusCode, 200)
      assert.match(attached.$metadata.requestId ?? "", /^[0-9a-f-]{36}$/)
      assert.deepStrictEqual(world.attachments(accountId, "User", "alice"), [readOnly])
      yield* attach
      assert.deepStrictEqual(world.attachments(accountId, "User", "alice"), [readOnly], "attaching twice succeeds")
      yield* detach
      assert.deepStrictEqual(world.attachments(accountId, "User", "alice"), [])
      const again = yield* Effect.flip(detach)
      assert.deepStrictEqual(facts(again), ["NoSuchEntity", 404, "Sender"])
      assert.strictEqual(again.name, "NoSuchEntityException")
      assert.strictEqual(again.message, `Policy ${readOnly} was not found.`)
    }).pipe(withAws())
  )

  it.effect("a role's customer managed policy", () =>
    Effect.gen(function* () {
      const { world } = yield* declareWorld()
      const iam = yield* iamIn()
      yield* send((options) =>
        iam.send(new AttachRolePolicyCommand({ RoleName: "Deploy", PolicyArn: auditors }), options)
      )
      assert.deepStrictEqual(world.attachments(accountId, "Role", "Deploy"), [auditors])
      assert.deepStrictEqual(world.attachments(otherAccountId, "Role", "Deploy"), [])
      yield* send((options) =>
        iam.send(new DetachRolePolicyCommand({ RoleName: "Deploy", PolicyArn: auditors }), options)
      )
      assert.deepStrictEqual(world.attachments(accountId, "Role", "Deploy"), [])
    }).pipe(withAws())
  )

  it.effect("names are the same in any case", () =>
    Effect.gen(function* () {
      const { world } = yield* declareWorld()
      const iam = yield* iamIn()
      yield* send((options) =>
        iam.send(
          new AttachRolePolicyCommand({ RoleName: "dEPLOY", PolicyArn: "arn:aws:iam::aws:policy/readonlyaccess" }),
          options
        )
      )
      yield* send((options) =>
        iam.send(new AttachRolePolicyCommand({ RoleName: "Deploy", PolicyArn: readOnly }), options)
      )
      assert.deepStrictEqual(world.attachments(accountId, "Role", "DEPLOY"), [readOnly])
    }).pipe(withAws())
  )

  it.effect("the quota is the account's", () =>
    Effect.gen(function* () {
      const { world } = yield* declareWorld()
      world.addAccount({ accountId, attachmentQuota: 1 })
      const iam = yield* iamIn()
      const attach = (PolicyArn: string) =>
        send((options) => iam.send(new AttachUserPolicyCommand({ UserName: "alice", PolicyArn }), options))
      yield* attach(readOnly)
      const error = yield* Effect.flip(attach(auditors))
      assert.deepStrictEqual(facts(error), ["LimitExceeded", 409, "Sender"])
      assert.strictEqual(error.message, "Cannot exceed quota for PoliciesPerUser: 1")
      yield* attach(readOnly)
    }).pipe(withAws())
  )

  it.effect("ten policies fit unless the account says otherwise", () =>
    Effect.gen(function* () {
      const { world } = yield* declareWorld()
      const policies = Array.from({ length: 11 }, (_, index) => `P${index}`)
      world.addAccount({ accountId, policies })
      const iam = yield* iamIn()
      const attach = (name: string) =>
        send((options) =>
          iam.send(
            new AttachRolePolicyCommand({ RoleName: "Deploy", PolicyArn: `arn:aws:iam::${accountId}:policy/${name}` }),
            options
          )
        )
      yield* Effect.forEach(policies.slice(0, 10), attach)
      assert.strictEqual((yield* Effect.flip(attach("P10"))).message, "Cannot exceed quota for PoliciesPerRole: 10")
    }).pipe(withAws())
  )
})

describe("refusals", () => {
  const cases: ReadonlyArray<readonly [string, { UserName: string; PolicyArn: string }, string, number, string]> = [
    [
      "a user that is missing",
      { UserName: "bob", PolicyArn: readOnly },
      "NoSuchEntity",
      404,
      "The user with name bob cannot be found."
    ],
    [
      "a policy that is missing",
      { UserName: "alice", PolicyArn: managed("NoSuchPolicy") },
      "NoSuchEntity",
      404,
      `Policy ${managed("NoSuchPolicy")} does not exist or is not attachable.`
    ],
    [
      "a policy without its path",
      { UserName: "alice", PolicyArn: managed("AWSLambdaBasicExecutionRole") },
      "NoSuchEntity",
      404,
      `Policy ${managed("AWSLambdaBasicExecutionRole")} does not exist or is not attachable.`
    ],
    [
      "a policy with a wrong path",
      { UserName: "alice", PolicyArn: managed("service-role/ViewOnlyAccess") },
      "NoSuchEntity",
      404,
      `Policy ${managed("service-role/ViewOnlyAccess")} does not exist or is not attachable.`
    ],
    [
      "another account's policy",
      { UserName: "alice", PolicyArn: `arn:aws:iam::${otherAccountId}:policy/team/Auditors` },
      "NoSuchEntity",
      404,
      `Policy arn:aws:iam::${otherAccountId}:policy/team/Auditors does not exist or is not attachable.`
    ],
    [
      "a service-linked role's policy",
      { UserName: "alice", PolicyArn: managed("aws-service-role/AutoScalingServiceRolePolicy") },
      "PolicyNotAttachable",
      400,
      "Cannot attach a Service Role Policy to a Customer Role."
    ],
    [
      "a name with a space",
      { UserName: "al ice", PolicyArn: readOnly },
      "ValidationError",
      400,
      "The specified value for userName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"
    ],
    [
      "a name of 65 characters",
      { UserName: "a".repeat(65), PolicyArn: readOnly },
      "ValidationError",
      400,
      `1 validation error detected: Value '${"a".repeat(65)}' at 'userName' failed to satisfy constraint: Member must have length less than or equal to 64`
    ],
    [
      "an empty name and a short ARN",
      { UserName: "", PolicyArn: "arn" },
      "ValidationError",
      400,
      "2 validation errors detected: Value 'arn' at 'policyArn' failed to satisfy constraint: Member must have length greater than or equal to 20; Value '' at 'userName' failed to satisfy constraint: Member must have length greater than or equal to 1"
    ],
    [
      "an ARN that is none",
      { UserName: "alice", PolicyArn: "ReadOnlyAccessReadOnlyAccess" },
      "InvalidInput",
      400,
      "ARN ReadOnlyAccessReadOnlyAccess is not valid."
    ],
    [
      "another partition's ARN",
      { UserName: "alice", PolicyArn: "arn:aws-cn:iam::aws:policy/ReadOnlyAccess" },
      "InvalidInput",
      400,
      "ARN arn:aws-cn:iam::aws:policy/ReadOnlyAccess is not valid."
    ]
  ]
  it.effect.each(cases)("%s", ([, input, code, status, message]) =>
    Effect.gen(function* () {
      const { world } = yield* declareWorld()
      const iam = yield* iamIn()
      const error = yield* Effect.flip(send((options) => iam.send(new AttachUserPolicyCommand(input), options)))
      assert.deepStrictEqual(facts(error), [code, status, "Sender"])
      assert.strictEqual(error.message, message)
      assert.deepStrictEqual(world.attachments(accountId, "User", "alice"), [])
    }).pipe(withAws())
  )

  it.effect("a service-linked role is AWS's own", () =>
    Effect.gen(function* () {
      const { world } = yield* declareWorld()
      world.addRole(accountId, "AWSServiceRoleForSupport")
      const iam = yield* iamIn()
      const input = { RoleName: "AWSServiceRoleForSupport", PolicyArn: readOnly }
      const error = yield* Effect.flip(send((options) => iam.send(new AttachRolePolicyCommand(input), options)))
      assert.deepStrictEqual(facts(error), ["UnmodifiableEntity", 400, "Sender"])
      assert.strictEqual(error.name, "UnmodifiableEntityException")
    }).pipe(withAws())
  )

  it.effect("the master credentials may not touch IAM", () =>
    Effect.gen(function* () {
      const { master } = yield* declareWorld()
      const iam = yield* iamClient({ credentials: master })
      const error = yield* Effect.flip(
        send((options) => iam.send(new AttachUserPolicyCommand({ UserName: "alice", PolicyArn: readOnly }), options))
      )
      assert.deepStrictEqual(facts(error), ["AccessDenied", 403, "Sender"])
      assert.strictEqual(
        error.message,
        "User: arn:aws:iam::999999999999:user/cSecBridgeWorker is not authorized to perform: iam:AttachUserPolicy on resource: user alice because no identity-based policy allows the iam:AttachUserPolicy action"
      )
    }).pipe(withAws())
  )

  it.effect("a session sees its own account alone", () =>
    Effect.gen(function* () {
      const { world } = yield* declareWorld()
      world.addUser(otherAccountId, "carol")
      const iam = yield* iamIn(accountId)
      const error = yield* Effect.flip(
        send((options) => iam.send(new AttachUserPolicyCommand({ UserName: "carol", PolicyArn: readOnly }), options))
      )
      assert.deepStrictEqual(facts(error), ["NoSuchEntity", 404, "Sender"])
      assert.deepStrictEqual(world.attachments(otherAccountId, "User", "carol"), [])
    }).pipe(withAws())
  )
})

describe("listing", () => {
  it.effect("pages", () =>
    Effect.gen(function* () {
      const { world } = yield* declareWorld()
      const arns = ["A", "B", "C", "D", "E"].map((name) => `arn:aws:iam::${accountId}:policy/${name}`)
      for (const arn of arns.toReversed()) world.attach(accountId, "User", "alice", arn)
      const iam = yield* iamIn()
      const page = (Marker?: string) =>
        send((options) =>
          iam.send(new ListAttachedUserPoliciesCommand({ UserName: "alice", MaxItems: 2, Marker }), options)
        )
      const first = yield* page()
      assert.deepStrictEqual(first.AttachedPolicies, [
        { PolicyName: "A", PolicyArn: arns[0] },
        { PolicyName: "B", PolicyArn: arns[1] }
      ])
      assert.isTrue(first.IsTruncated)
      world.detach(accountId, "User", "alice", arns[0] ?? "")
      const second = yield* page(first.Marker)
      assert.deepStrictEqual(
        second.AttachedPolicies?.map(({ PolicyName }) => PolicyName),
        ["C", "D"]
      )
      const third = yield* page(second.Marker)
      assert.deepStrictEqual(
        third.AttachedPolicies?.map(({ PolicyName }) => PolicyName),
        ["E"]
      )
      assert.isFalse(third.IsTruncated)
      assert.isUndefined(third.Marker)
    }).pipe(withAws())
  )

  it.effect("a role, all at once, by path, and empty", () =>
    Effect.gen(function* () {
      const { world } = yield* declareWorld()
      const iam = yield* iamIn()
      const list = (PathPrefix?: string) =>
        send((options) => iam.send(new ListAttachedRolePoliciesCommand({ RoleName: "deploy", PathPrefix }), options))
      const empty = yield* list()
      assert.deepStrictEqual([empty.AttachedPolicies, empty.IsTruncated], [[], false])
      world.attach(accountId, "Role", "Deploy", readOnly)
      world.attach(accountId, "Role", "Deploy", auditors)
      assert.deepStrictEqual((yield* list()).AttachedPolicies, [
        { PolicyName: "Auditors", PolicyArn: auditors },
        { PolicyName: "ReadOnlyAccess", PolicyArn: readOnly }
      ])
      assert.deepStrictEqual((yield* list("/team/")).AttachedPolicies, [
        { PolicyName: "Auditors", PolicyArn: auditors }
      ])
    }).pipe(withAws())
  )

  it.effect.each([
    [
      { MaxItems: 0 },
      "1 validation error detected: Value '0' at 'maxItems' failed to satisfy constraint: Member must have value greater than or equal to 1"
    ],
    [
      { MaxItems: 1001 },
      "1 validation error detected: Value '1001' at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 1000"
    ],
    [{ Marker: "nonsense" }, "Invalid Marker."]
  ] as const)("refuses %j", ([input, message]) =>
    Effect.gen(function* () {
      yield* declareWorld()
      const iam = yield* iamIn()
      const error = yield* Effect.flip(
        send((options) => iam.send(new ListAttachedUserPoliciesCommand({ UserName: "alice", ...input }), options))
      )
      assert.deepStrictEqual(facts(error), ["ValidationError", 400, "Sender"])
      assert.strictEqual(error.message, message)
    }).pipe(withAws())
  )

  it.effect("a principal that is missing", () =>
    Effect.gen(function* () {
      yield* declareWorld()
      const iam = yield* iamIn()
      const error = yield* Effect.flip(
        send((options) => iam.send(new ListAttachedRolePoliciesCommand({ RoleName: "Nobody" }), options))
      )
      assert.deepStrictEqual(
        [error.Code, error.message],
        ["NoSuchEntity", "The role with name Nobody cannot be found."]
      )
    }).pipe(withAws())
  )
})

describe("other partitions", () => {
  it.effect("are those of the signing region", () =>
    Effect.gen(function* () {
      const { world } = yield* LocalAws
      world.addAccount({ accountId, handlerRole: { name: "Handler" }, users: ["alice"] })
      const region = "cn-north-1"
      const session = yield* assume({ RoleArn: `arn:aws-cn:iam::${accountId}:role/Handler` }, { region })
      assert.strictEqual(session.AssumedRoleUser?.Arn, `arn:aws-cn:sts::${accountId}:assumed-role/Handler/worker`)
      const iam = yield* iamClient({ region, credentials: keysOf(session) })
      const arn = "arn:aws-cn:iam::aws:policy/ReadOnlyAccess"
      yield* send((options) => iam.send(new AttachUserPolicyCommand({ UserName: "alice", PolicyArn: arn }), options))
      assert.deepStrictEqual(world.attachments(accountId, "User", "alice"), [arn])
    }).pipe(withAws())
  )
})
