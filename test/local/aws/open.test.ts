import { AttachRolePolicyCommand, AttachUserPolicyCommand } from "@aws-sdk/client-iam"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { LocalAws } from "../../../local/aws/LocalAws.ts"
import { accountId, assume, iamIn, readOnly, send, withAws } from "./fixture.ts"

describe("an open world", () => {
  it.effect("has every account, user, role and policy", () =>
    Effect.gen(function* () {
      const { world } = yield* LocalAws
      const iam = yield* iamIn()
      const custom = `arn:aws:iam::${accountId}:policy/any/Thing`
      const managed = "arn:aws:iam::aws:policy/AnyThing"
      yield* send((options) => iam.send(new AttachUserPolicyCommand({ UserName: "any", PolicyArn: custom }), options))
      yield* send((options) => iam.send(new AttachRolePolicyCommand({ RoleName: "any", PolicyArn: managed }), options))
      assert.deepStrictEqual(world.attachments(accountId, "User", "any"), [custom])
      assert.deepStrictEqual(world.attachments(accountId, "Role", "any"), [managed])
    }).pipe(withAws({ open: true }))
  )

  it.effect("lacks what starts with missing, and what AWS does not have at that path", () =>
    Effect.gen(function* () {
      const iam = yield* iamIn()
      const code = (UserName: string, PolicyArn: string) =>
        send((options) => iam.send(new AttachUserPolicyCommand({ UserName, PolicyArn }), options)).pipe(
          Effect.match({ onFailure: (error) => error.Code, onSuccess: () => "ok" })
        )
      assert.strictEqual(yield* code("missing-user", readOnly), "NoSuchEntity")
      assert.strictEqual(yield* code("any", "arn:aws:iam::aws:policy/MissingPolicy"), "NoSuchEntity")
      assert.strictEqual(yield* code("any", "arn:aws:iam::aws:policy/ViewOnlyAccess"), "NoSuchEntity")
      assert.strictEqual(yield* code("any", "arn:aws:iam::aws:policy/aws-service-role/Any"), "PolicyNotAttachable")
      assert.strictEqual(yield* code("any", readOnly), "ok")
      const error = yield* Effect.flip(assume({ RoleArn: `arn:aws:iam::${accountId}:role/missing` }))
      assert.strictEqual(error.Code, "AccessDenied")
    }).pipe(withAws({ open: true }))
  )

  it.effect("keeps to what is declared all the same", () =>
    Effect.gen(function* () {
      const { world } = yield* LocalAws
      world.addAccount({ accountId, handlerRole: { name: "Handler", trusted: false } })
      assert.strictEqual((yield* Effect.flip(assume())).Code, "AccessDenied")
    }).pipe(withAws({ open: true }))
  )
})

describe("a declaration that makes no sense throws", () => {
  it.effect.each<readonly [string, (world: LocalAws["Service"]["world"]) => void]>([
    ["An account id has 12 digits", (world) => world.addAccount({ accountId: "1" })],
    ["Account 111111111111 is not declared", (world) => world.addUser(accountId, "alice")],
    ["Account 111111111111 is not declared", (world) => void world.attachments(accountId, "User", "alice")]
  ])("%s", ([message, declare]) =>
    Effect.gen(function* () {
      const { world } = yield* LocalAws
      assert.throws(() => declare(world), message)
    }).pipe(withAws())
  )
})
