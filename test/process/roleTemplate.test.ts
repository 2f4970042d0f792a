import { readFile } from "node:fs/promises"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { runCommand } from "./program.ts"

describe("role-template", () => {
  it.live.each([
    { format: "json", file: "policies.json" },
    { format: "cloudformation", file: "template.json" },
    { format: "terraform", file: "main.tf" }
  ])("prints what is in deploy/handler-role/$file, with nothing in its environment", ({ file, format }) =>
    Effect.gen(function* () {
      const { code, stdout } = yield* runCommand({}, "role-template", "--format", format)
      assert.strictEqual(code, 0)
      assert.strictEqual(stdout, yield* Effect.promise(() => readFile(`deploy/handler-role/${file}`, "utf8")))
    })
  )

  it.live("prints both policies unless told otherwise, and says what is to be filled in", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* runCommand({}, "role-template")
      assert.strictEqual(code, 0)
      assert.deepStrictEqual(Object.keys(JSON.parse(stdout)), ["roleName", "trustPolicy", "permissionPolicy"])
      assert.include(stderr, "--trusted-principal")
    })
  )

  it.live("follows the worker's environment, and its flags before that", () =>
    Effect.gen(function* () {
      const env = {
        AWS_REGION: "us-gov-west-1",
        AWS_ASSUME_ROLE_NAME: "Handler",
        AWS_ROLE_SESSION_NAME: "Session",
        AWS_EXTERNAL_ID: "from-the-environment",
        POLICY_DENY: "*/Billing",
        POLICY_ALLOW: "arn:aws-us-gov:iam::aws:policy/*"
      }
      const worker = "arn:aws-us-gov:iam::999999999999:role/worker"
      const { stderr, stdout } = yield* runCommand(
        env,
        "role-template",
        "--trusted-principal",
        worker,
        "--external-id",
        "from-the-flag"
      )
      assert.strictEqual(stderr, "")
      for (const part of [
        '"AWS": "arn:aws-us-gov:iam::999999999999:role/worker"',
        '"sts:ExternalId": "from-the-flag"',
        '"sts:RoleSessionName": "Session"',
        '"arn:aws-us-gov:iam::*:role/Handler"',
        '"arn:*:iam::*:*/Billing"',
        '"arn:aws-us-gov:iam::aws:policy/*"'
      ]) {
        assert.include(stdout, part)
      }
      const without = yield* runCommand(env, "role-template", "--format", "terraform")
      assert.include(without.stdout, '= "from-the-environment"')
    })
  )

  it.live.each([
    { what: "a whole account", env: {}, args: ["--trusted-principal", "arn:aws:iam::999999999999:root"] },
    { what: "an unknown format", env: {}, args: ["--format", "yaml"] },
    { what: "a pattern that ArnLike cannot say", env: { POLICY_DENY: "*:policy/X" }, args: [] }
  ])("refuses $what", ({ args, env }) =>
    Effect.gen(function* () {
      const { code, stdout } = yield* runCommand(env, "role-template", ...args)
      assert.notStrictEqual(code, 0)
      assert.notInclude(stdout, "trustPolicy")
    })
  )
})
