import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { inject } from "vitest"
import { HandlerRole } from "../../local/aws/Declarations.ts"
import { LocalAws } from "../../local/aws/LocalAws.ts"
import type { Job } from "../../src/domain/Job.ts"
import { runCommand, startWorker } from "./program.ts"
import { account, awaitStatus, recordOf, request, World, world } from "./world.ts"

const Template = Schema.Struct({
  roleName: Schema.String,
  trustPolicy: HandlerRole.fields.trustPolicy,
  permissionPolicy: HandlerRole.fields.permissionPolicy
})

const readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess"
const auditors = `arn:aws:iam::${account}:policy/team/Auditors`

describe.skipIf(inject("redis") === undefined)("the handler role that role-template prints, enforced", () => {
  it.live.each([
    { AWS_SESSION_SCOPE: "account", AWS_SOURCE_IDENTITY: "off" },
    { AWS_SESSION_SCOPE: "account", AWS_SOURCE_IDENTITY: "on" },
    { AWS_SESSION_SCOPE: "job", AWS_SOURCE_IDENTITY: "off" },
    { AWS_SESSION_SCOPE: "job", AWS_SOURCE_IDENTITY: "on" }
  ])("lets the worker do all that it must, and doctor finds it well: %j", (sessions) =>
    Effect.gen(function* () {
      const aws = yield* LocalAws
      const { env: servers, sql } = yield* World
      const env = { ...servers, ...sessions, RECOVERY_INTERVAL: "200 millis" }
      const { accountId, userName } = aws.master
      const { stdout } = yield* runCommand(
        { ...env, POLICY_DENY: "*/Billing" },
        "role-template",
        "--trusted-principal",
        `arn:aws:iam::${accountId}:user/${userName}`
      )
      const { roleName, ...policies } = Schema.decodeSync(Schema.fromJsonString(Template))(stdout)
      aws.world.addAccount({ accountId: account, handlerRole: { name: roleName, ...policies } })

      const examined = yield* runCommand({ ...env, HTTP_PORT: "0" }, "doctor", "--account", account)
      assert.notInclude(examined.stdout, "✗")
      assert.strictEqual(examined.code, 0)

      yield* startWorker(env)
      const done = (fields: Partial<Job>) =>
        Effect.gen(function* () {
          const { correlation_id } = yield* request(fields)
          const { audit } = yield* awaitStatus(correlation_id, "SUCCESS")
          return { id: correlation_id, log: audit.at(-1)?.audit_log ?? "" }
        })
      const attachments = () => [
        ...aws.world.attachments(account, "User", "alice"),
        ...aws.world.attachments(account, "Role", "deploy")
      ]
      const alice = { principal: "alice", principal_type: "User", entitlement: "ReadOnlyAccess" } as const
      const deploy = {
        principal: "deploy",
        principal_type: "Role",
        entitlement: "team/Auditors",
        entitlement_type: "custom"
      } as const

      yield* done(alice)
      yield* done(deploy)
      assert.deepStrictEqual(attachments(), [readOnly, auditors])
      for (const principal of [alice, deploy]) yield* done({ ...principal, action: "remove" })
      assert.deepStrictEqual(attachments(), [])

      // What is not there any more, and what became of a call without an answer, is read back.
      assert.match((yield* done({ ...deploy, action: "remove" })).log, /^Policy already so/)
      aws.faults.add({ operation: "AttachUserPolicy", times: 1, effect: { kind: "resetAfter" } })
      assert.match((yield* done(alice)).log, /^Policy found so/)
      yield* done({ ...alice, action: "remove" })

      // Access for a time is looked at before, and ends.
      const grant = yield* done({ ...deploy, duration_minutes: 60 })
      assert.deepStrictEqual(attachments(), [auditors])
      const [end] = yield* sql<{ id: string }>`
        UPDATE csb_app.csb_requests SET not_before = now() WHERE parent_id = ${grant.id} RETURNING correlation_id AS id`
      yield* awaitStatus(end?.id ?? "", "SUCCESS")
      assert.deepStrictEqual(attachments(), [])

      assert.strictEqual(aws.calls.count({ outcome: "AccessDenied" }), 0)

      // What this worker was not told to forbid, its role forbids.
      for (const entitlement of ["AdministratorAccess", "job-function/Billing"]) {
        const { correlation_id } = yield* request({ ...alice, entitlement })
        yield* awaitStatus(correlation_id, "FAILED")
        assert.match(
          (yield* recordOf(correlation_id)).audit.at(-1)?.audit_log ?? "",
          /^AccessDenied: .*\(AttachUserPolicy\)$/
        )
      }
      assert.deepStrictEqual(attachments(), [])
    }).pipe(Effect.scoped, Effect.provide(world()))
  )
})
