import {
  AttachRolePolicyCommand,
  AttachUserPolicyCommand,
  CreateAccessKeyCommand,
  CreatePolicyVersionCommand,
  DeleteRolePermissionsBoundaryCommand,
  DetachRolePolicyCommand,
  type IAMClient,
  PutRolePolicyCommand,
  PutUserPermissionsBoundaryCommand,
  PutUserPolicyCommand,
  SetDefaultPolicyVersionCommand,
  UpdateAssumeRolePolicyCommand
} from "@aws-sdk/client-iam"
import type { AssumeRoleCommandInput } from "@aws-sdk/client-sts"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted } from "effect"
import type { HandlerRole as DeclaredRole } from "../../local/aws/Declarations.ts"
import { LocalAws } from "../../local/aws/LocalAws.ts"
import { type HandlerRole, permissionPolicy, trustPolicy } from "../../src/domain/handlerRole/HandlerRole.ts"
import { type Job, PrincipalType } from "../../src/domain/Job.ts"
import { policyChange } from "../../src/domain/PolicyChange.ts"
import { AwsIamLive } from "../../src/layers/aws/AwsIamLive.ts"
import { AwsSessionsLive } from "../../src/layers/aws/AwsSessionsLive.ts"
import { AwsIam } from "../../src/services/AwsIam.ts"
import type { AwsConfig } from "../../src/services/Config.ts"
import { aHandlerRole, aJob, testAwsConfig, testWorkerConfig } from "../fixture.ts"
import { assume, iamClient, keysOf, type SdkError, send } from "../local/aws/fixture.ts"

const account = "123456789012"
const principals: Record<Job["principal_type"], string> = { User: "alice", Role: "deploy" }
const neighbour = "210987654321"
const roleArn = (accountId = account) => `arn:aws:iam::${accountId}:role/cSecBridgeIAMHandlerRole`
const admin = "arn:aws:iam::aws:policy/AdministratorAccess"
const auditors = `arn:aws:iam::${account}:policy/team/Auditors`
const readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess"

/** The role as the template makes it. */
const templated = (some: Partial<HandlerRole> = {}): DeclaredRole => ({
  name: "cSecBridgeIAMHandlerRole",
  trustPolicy: trustPolicy(aHandlerRole(some)),
  permissionPolicy: permissionPolicy(aHandlerRole(some))
})

const allowEverything = { Effect: "Allow", Action: "*", Resource: "*" } as const

/** The role of the template, to which somebody has attached AdministratorAccess. */
const promoted = (some: Partial<HandlerRole> = {}): DeclaredRole => ({
  ...templated(some),
  permissionPolicy: {
    Version: "2012-10-17",
    Statement: [...permissionPolicy(aHandlerRole(some)).Statement, allowEverything]
  }
})

/** A role that trusts everybody with everything. */
const careless: DeclaredRole = {
  name: "cSecBridgeIAMHandlerRole",
  permissionPolicy: { Version: "2012-10-17", Statement: [allowEverything] }
}

/** An account with that handler role, and one beside it that lets everybody in. */
const accounts = (handlerRole: DeclaredRole) =>
  Effect.tap(LocalAws, ({ world }) =>
    Effect.sync(() => {
      const roles = ["deploy", "AWSReservedSSO_Admin_1", "AWSServiceRoleForSupport"]
      world.addAccount({ accountId: account, handlerRole, users: ["alice"], roles, policies: ["team/Auditors"] })
      world.addAccount({ accountId: neighbour, handlerRole: careless })
    })
  )

/** The worker's own layers, against AWS over HTTP. */
const worker = (settings: Partial<AwsConfig["Service"]>) =>
  AwsIamLive.pipe(
    Layer.provide(AwsSessionsLive),
    Layer.provide(
      Layer.unwrap(
        Effect.map(LocalAws, ({ master, url }) =>
          testAwsConfig({
            stsEndpoint: Option.some(url),
            iamEndpoint: Option.some(url),
            externalId: Option.some("ext-1"),
            credentials: Option.some(
              Effect.succeed({
                accessKeyId: Redacted.make(master.accessKeyId),
                secretAccessKey: Redacted.make(master.secretAccessKey)
              })
            ),
            ...settings
          })
        )
      )
    ),
    Layer.provide(testWorkerConfig({ workerId: "host:1/a" }))
  )

const asTheWorker: Partial<AssumeRoleCommandInput> = {
  RoleArn: roleArn(),
  RoleSessionName: "cSecBridgeWorkerSession",
  ExternalId: "ext-1"
}

const isDenied = (error: SdkError) => assert.strictEqual(error.Code, "AccessDenied", error.message)

describe("the handler role of the template, enforced", () => {
  it.live.each([
    ["account", false],
    ["account", true],
    ["job", false],
    ["job", true]
  ] as const)(
    "lets the worker do all that it must, with sessions by %s, source identity %s",
    ([sessionScope, sourceIdentity]) =>
      Effect.gen(function* () {
        const { world } = yield* accounts(templated({ sessionScope, sourceIdentity }))
        yield* Effect.gen(function* () {
          const iam = yield* AwsIam
          for (const principal_type of PrincipalType.literals) {
            const principal = principals[principal_type]
            for (const [entitlement_type, entitlement, arn] of [
              ["default", "ReadOnlyAccess", readOnly],
              ["custom", "team/Auditors", auditors]
            ] as const) {
              const fields = { principal, principal_type, entitlement, entitlement_type }
              const [add, remove] = (["add", "remove"] as const).map((action) =>
                policyChange("aws", aJob({ ...fields, action }))
              )
              assert.isDefined(add)
              assert.isDefined(remove)
              yield* iam.apply(add)
              assert.deepStrictEqual(world.attachments(account, principal_type, principal), [arn])
              assert.isTrue((yield* iam.isAttached(add)).value)
              yield* iam.apply(remove)
              assert.isFalse((yield* iam.isAttached(remove)).value)
            }
          }
        }).pipe(Effect.provide(worker({ sessionScope, sourceIdentity })))
      }).pipe(Effect.provide(LocalAws.layer()))
  )

  const attacks: ReadonlyArray<readonly [what: string, attack: (iam: IAMClient) => Promise<unknown>]> = [
    [
      "make a user administrator",
      (iam) => iam.send(new AttachUserPolicyCommand({ UserName: "alice", PolicyArn: admin }))
    ],
    [
      "make a user administrator, spelled otherwise",
      (iam) => iam.send(new AttachUserPolicyCommand({ UserName: "ALICE", PolicyArn: admin.toLowerCase() }))
    ],
    [
      "make a role administrator",
      (iam) => iam.send(new AttachRolePolicyCommand({ RoleName: "deploy", PolicyArn: admin }))
    ],
    [
      "attach what POLICY_DENY forbids",
      (iam) => iam.send(new AttachUserPolicyCommand({ UserName: "alice", PolicyArn: auditors }))
    ],
    [
      "give itself a policy",
      (iam) => iam.send(new AttachRolePolicyCommand({ RoleName: "cSecBridgeIAMHandlerRole", PolicyArn: readOnly }))
    ],
    [
      "take its own policy away",
      (iam) => iam.send(new DetachRolePolicyCommand({ RoleName: "csecbridgeiamhandlerrole", PolicyArn: readOnly }))
    ],
    [
      "give itself an inline policy",
      (iam) =>
        iam.send(
          new PutRolePolicyCommand({ RoleName: "cSecBridgeIAMHandlerRole", PolicyName: "p", PolicyDocument: "{}" })
        )
    ],
    [
      "change whom its role trusts",
      (iam) =>
        iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: "cSecBridgeIAMHandlerRole", PolicyDocument: "{}" }))
    ],
    [
      "loosen its own boundary",
      (iam) => iam.send(new DeleteRolePermissionsBoundaryCommand({ RoleName: "cSecBridgeIAMHandlerRole" }))
    ],
    [
      "change a user's boundary",
      (iam) => iam.send(new PutUserPermissionsBoundaryCommand({ UserName: "alice", PermissionsBoundary: admin }))
    ],
    [
      "touch a role of the SSO",
      (iam) => iam.send(new AttachRolePolicyCommand({ RoleName: "AWSReservedSSO_Admin_1", PolicyArn: readOnly }))
    ],
    [
      "touch a role of a service",
      (iam) => iam.send(new AttachRolePolicyCommand({ RoleName: "AWSServiceRoleForSupport", PolicyArn: readOnly }))
    ],
    [
      "edit a policy",
      (iam) =>
        iam.send(new CreatePolicyVersionCommand({ PolicyArn: auditors, PolicyDocument: "{}", SetAsDefault: true }))
    ],
    [
      "bring back an older version of a policy",
      (iam) => iam.send(new SetDefaultPolicyVersionCommand({ PolicyArn: auditors, VersionId: "v1" }))
    ],
    [
      "give a user an inline policy",
      (iam) => iam.send(new PutUserPolicyCommand({ UserName: "alice", PolicyName: "p", PolicyDocument: "{}" }))
    ],
    ["make keys of a user", (iam) => iam.send(new CreateAccessKeyCommand({ UserName: "alice" }))]
  ]

  const attempt = Effect.fnUntraced(function* (
    attack: (iam: IAMClient) => Promise<unknown>,
    credentials: ReturnType<typeof keysOf>
  ) {
    const iam = yield* iamClient({ credentials })
    return yield* Effect.result(send(() => attack(iam)))
  })

  it.live.each(attacks)(
    "lets no session of the role %s, even if the role was given everything and the session is not narrowed",
    ([, attack]) =>
      Effect.gen(function* () {
        yield* accounts(promoted({ deny: ["arn:aws:iam::*:policy/team/*"] }))
        const result = yield* attempt(attack, keysOf(yield* assume(asTheWorker)))
        assert.strictEqual(result._tag === "Failure" ? result.failure.Code : "allowed", "AccessDenied")
      }).pipe(Effect.provide(LocalAws.layer()))
  )

  it.live.each(attacks)("(another role would let it %s)", ([, attack]) =>
    Effect.gen(function* () {
      yield* accounts(careless)
      const result = yield* attempt(attack, keysOf(yield* assume(asTheWorker)))
      if (result._tag === "Failure") assert.notStrictEqual(result.failure.Code, "AccessDenied")
    }).pipe(Effect.provide(LocalAws.layer()))
  )

  it.live.each(attacks)("lets the worker's own keys not %s", ([, attack]) =>
    Effect.gen(function* () {
      const { master } = yield* accounts(careless)
      const result = yield* attempt(attack, { ...master, sessionToken: "" })
      assert.strictEqual(result._tag === "Failure" ? result.failure.Code : "allowed", "AccessDenied")
    }).pipe(Effect.provide(LocalAws.layer()))
  )

  const { ExternalId: _, ...withoutExternalId } = asTheWorker
  it.live.each<readonly [string, Partial<AssumeRoleCommandInput>]>([
    ["without an ExternalId", withoutExternalId],
    ["with another ExternalId", { ...asTheWorker, ExternalId: "ext-2" }],
    ["under another session name", { ...asTheWorker, RoleSessionName: "alice" }],
    ["in another's name", { ...asTheWorker, SourceIdentity: "alice" }],
    ["with another role", { ...asTheWorker, RoleArn: `arn:aws:iam::${account}:role/deploy` }]
  ])("lets nobody in %s", ([, input]) =>
    Effect.gen(function* () {
      yield* accounts(templated())
      const error = yield* Effect.flip(assume(input))
      isDenied(error)
    }).pipe(Effect.provide(LocalAws.layer()))
  )

  it.live("lets no other user of the worker's account in, and nobody of another organization", () =>
    Effect.gen(function* () {
      const { world } = yield* accounts(templated({ organizationId: Option.some("o-ours") }))
      const keysOfUser = (userName: string, organizationId: string) => {
        const keys = { accessKeyId: `AKIA${userName}${organizationId}`, secretAccessKey: "secret" }
        world.addMaster({ ...keys, accountId: "999999999999", userName, organizationId })
        return { credentials: keys }
      }
      isDenied(yield* Effect.flip(assume(asTheWorker, keysOfUser("mallory", "o-ours"))))
      isDenied(yield* Effect.flip(assume(asTheWorker, keysOfUser("cSecBridgeWorker", "o-theirs"))))
      yield* assume(asTheWorker, keysOfUser("cSecBridgeWorker", "o-ours"))
    }).pipe(Effect.provide(LocalAws.layer()))
  )

  it.live("lets its sessions go nowhere else: neither to another account nor to itself", () =>
    Effect.gen(function* () {
      yield* accounts(promoted())
      const credentials = keysOf(yield* assume(asTheWorker))
      for (const accountId of [account, neighbour]) {
        isDenied(yield* Effect.flip(assume({ ...asTheWorker, RoleArn: roleArn(accountId) }, { credentials })))
      }
    }).pipe(Effect.provide(LocalAws.layer()))
  )

  it.live("gives the worker itself nothing, where the worker's own account is a target", () =>
    Effect.gen(function* () {
      const { permissionPolicy: hers } = templated({ trusted: `arn:aws:iam::${account}:user/alice` })
      const { world } = yield* accounts({ ...templated(), ...(hers !== undefined && { permissionPolicy: hers }) })
      world.addAccount({ accountId: neighbour, handlerRole: templated(), users: ["alice"] })
      const attach = (RoleArn: string) =>
        Effect.gen(function* () {
          const iam = yield* iamClient({ credentials: keysOf(yield* assume({ ...asTheWorker, RoleArn })) })
          yield* send(() => iam.send(new AttachUserPolicyCommand({ UserName: "alice", PolicyArn: readOnly })))
        })
      isDenied(yield* Effect.flip(attach(roleArn())))
      yield* attach(roleArn(neighbour))
    }).pipe(Effect.provide(LocalAws.layer()))
  )

  it.live("asks each session for its source identity, once it is switched on", () =>
    Effect.gen(function* () {
      yield* accounts(templated({ sourceIdentity: true }))
      isDenied(yield* Effect.flip(assume(asTheWorker)))
      yield* assume({ ...asTheWorker, SourceIdentity: "worker-1" })
    }).pipe(Effect.provide(LocalAws.layer()))
  )
})

describe("a job's own session", () => {
  const job = aJob({ principal: "alice", entitlement: "ReadOnlyAccess" })

  it.live("carries its correlation id, and can do nothing but its change, even of a careless role", () =>
    Effect.gen(function* () {
      const { world } = yield* accounts(careless)
      yield* Effect.gen(function* () {
        const iam = yield* AwsIam
        yield* iam.apply(policyChange("aws", job))
        yield* iam.isAttached(policyChange("aws", job))
      }).pipe(Effect.provide(worker({ sessionScope: "job", sourceIdentity: true })))
      const [session, ...others] = world.sessions(account)
      assert.deepStrictEqual(others, [])
      assert.deepInclude(session, {
        roleSessionName: job.correlation_id,
        sourceIdentity: job.correlation_id,
        durationSeconds: 900
      })

      const narrow = { ...asTheWorker, ...(session?.policy !== undefined && { Policy: session.policy }) }
      const iam = yield* iamClient({ credentials: keysOf(yield* assume(narrow)) })
      for (const [UserName, PolicyArn] of [
        ["alice", auditors],
        ["bob", readOnly]
      ] as const) {
        isDenied(yield* Effect.flip(send(() => iam.send(new AttachUserPolicyCommand({ UserName, PolicyArn })))))
      }
      const onRole = new AttachRolePolicyCommand({ RoleName: "alice", PolicyArn: readOnly })
      isDenied(yield* Effect.flip(send(() => iam.send(onRole))))
    }).pipe(Effect.provide(LocalAws.layer()))
  )

  it.live("is not asked for again and again in an account that cannot be entered", () =>
    Effect.gen(function* () {
      const { calls } = yield* accounts({ ...careless, trusted: false })
      yield* Effect.gen(function* () {
        const iam = yield* AwsIam
        for (let index = 0; index < 3; index++) {
          assert.strictEqual((yield* Effect.flip(iam.apply(policyChange("aws", aJob()))))._tag, "AccessDenied")
        }
      }).pipe(Effect.provide(worker({ sessionScope: "job" })))
      assert.strictEqual(calls.count({ operation: "AssumeRole" }), 1)
    }).pipe(Effect.provide(LocalAws.layer()))
  )
})

describe("a session that an account's jobs share", () => {
  it.live("can do nothing but what the worker does, even of a careless role", () =>
    Effect.gen(function* () {
      const { world } = yield* accounts(careless)
      yield* Effect.flatMap(AwsIam, (iam) => iam.apply(policyChange("aws", aJob()))).pipe(Effect.provide(worker({})))
      const policy = world.sessions(account)[0]?.policy
      assert.isDefined(policy)
      const iam = yield* iamClient({ credentials: keysOf(yield* assume({ ...asTheWorker, Policy: policy })) })
      isDenied(yield* Effect.flip(send(() => iam.send(new CreateAccessKeyCommand({ UserName: "alice" })))))
    }).pipe(Effect.provide(LocalAws.layer()))
  )

  it.live("names its worker as its source, as far as STS takes the name", () =>
    Effect.gen(function* () {
      const { world } = yield* accounts(careless)
      yield* Effect.flatMap(AwsIam, (iam) => iam.apply(policyChange("aws", aJob()))).pipe(
        Effect.provide(worker({ sourceIdentity: true }))
      )
      assert.strictEqual(world.sessions(account)[0]?.sourceIdentity, "host-1-a")
    }).pipe(Effect.provide(LocalAws.layer()))
  )
})
