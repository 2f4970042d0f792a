import { GetAccountSummaryCommand, GetPolicyCommand, GetRoleCommand, GetUserCommand } from "@aws-sdk/client-iam"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { LocalAws } from "../../../local/aws/LocalAws.ts"
import {
  accountId,
  assume,
  auditors,
  declareWorld,
  iamClient,
  iamIn,
  keysOf,
  readOnly,
  send,
  withAws
} from "./fixture.ts"

const boundary = "arn:aws:iam::aws:policy/PowerUserAccess"

describe("looking up", () => {
  it.effect("a user and a role, with the boundary that they have", () =>
    Effect.gen(function* () {
      const { world } = yield* declareWorld()
      world.setBoundary(accountId, "User", "alice", boundary)
      const iam = yield* iamIn()
      const { User } = yield* send((options) => iam.send(new GetUserCommand({ UserName: "ALICE" }), options))
      assert.deepInclude(User, { UserName: "alice", Arn: `arn:aws:iam::${accountId}:user/alice`, Path: "/" })
      assert.deepStrictEqual(User?.PermissionsBoundary, {
        PermissionsBoundaryType: "PermissionsBoundaryPolicy",
        PermissionsBoundaryArn: boundary
      })
      const { Role } = yield* send((options) => iam.send(new GetRoleCommand({ RoleName: "Deploy" }), options))
      assert.deepInclude(Role, { RoleName: "Deploy", Arn: `arn:aws:iam::${accountId}:role/Deploy` })
      assert.isUndefined(Role?.PermissionsBoundary)
    }).pipe(withAws())
  )

  it.effect("a policy as IAM spells it", () =>
    Effect.gen(function* () {
      yield* declareWorld()
      const iam = yield* iamIn()
      const { Policy } = yield* send((options) =>
        iam.send(new GetPolicyCommand({ PolicyArn: auditors.toLowerCase() }), options)
      )
      assert.deepInclude(Policy, { Arn: auditors, Path: "/team/", PolicyName: "Auditors", IsAttachable: true })
    }).pipe(withAws())
  )

  it.effect("an account's quotas", () =>
    Effect.gen(function* () {
      const { world } = yield* declareWorld()
      world.addAccount({ accountId, attachmentQuota: 12 })
      const iam = yield* iamIn()
      const { SummaryMap } = yield* send((options) => iam.send(new GetAccountSummaryCommand({}), options))
      assert.deepInclude(SummaryMap, { AttachedPoliciesPerUserQuota: 12, AttachedPoliciesPerRoleQuota: 12 })
    }).pipe(withAws())
  )

  it.effect("what is missing is NoSuchEntity", () =>
    Effect.gen(function* () {
      yield* declareWorld()
      const iam = yield* iamIn()
      const missing = "arn:aws:iam::aws:policy/Nothing"
      const errors = yield* Effect.all([
        Effect.flip(send((options) => iam.send(new GetUserCommand({ UserName: "nobody" }), options))),
        Effect.flip(send((options) => iam.send(new GetRoleCommand({ RoleName: "nobody" }), options))),
        Effect.flip(send((options) => iam.send(new GetPolicyCommand({ PolicyArn: missing }), options)))
      ])
      assert.deepStrictEqual(
        errors.map(({ Code, message }) => [Code, message]),
        [
          ["NoSuchEntity", "The user with name nobody cannot be found."],
          ["NoSuchEntity", "The role with name nobody cannot be found."],
          ["NoSuchEntity", `Policy ${missing} was not found.`]
        ]
      )
    }).pipe(withAws())
  )

  it.effect("is refused to a role that may not, each call by itself", () =>
    Effect.gen(function* () {
      const { world } = yield* LocalAws
      world.addAccount({
        accountId,
        users: ["alice"],
        handlerRole: {
          name: "Handler",
          permissionPolicy: {
            Version: "2012-10-17",
            Statement: [
              { Effect: "Allow", Action: "iam:GetUser", Resource: `arn:aws:iam::${accountId}:user/*` },
              { Effect: "Allow", Action: "iam:GetAccountSummary", Resource: `arn:aws:iam::${accountId}:user/*` },
              { Effect: "Allow", Action: "iam:GetPolicy", Resource: readOnly }
            ]
          }
        }
      })
      const iam = yield* iamClient({ credentials: keysOf(yield* assume()) })
      yield* send((options) => iam.send(new GetUserCommand({ UserName: "alice" }), options))
      yield* send((options) => iam.send(new GetPolicyCommand({ PolicyArn: readOnly }), options))
      const errors = yield* Effect.all([
        Effect.flip(send((options) => iam.send(new GetRoleCommand({ RoleName: "alice" }), options))),
        Effect.flip(send((options) => iam.send(new GetPolicyCommand({ PolicyArn: boundary }), options))),
        Effect.flip(send((options) => iam.send(new GetAccountSummaryCommand({}), options)))
      ])
      assert.deepStrictEqual(
        errors.map(({ Code }) => Code),
        ["AccessDenied", "AccessDenied", "AccessDenied"]
      )
    }).pipe(withAws())
  )
})
