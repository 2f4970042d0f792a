import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { inject } from "vitest"
import { LocalAws } from "../../local/aws/LocalAws.ts"
import { runCommand } from "./program.ts"
import { account, closedAccount, request as apiRequest, World, world } from "./world.ts"

const Findings = Schema.fromJsonString(
  Schema.Array(
    Schema.Struct({
      check: Schema.String,
      status: Schema.Literals(["ok", "warning", "failed", "skipped"]),
      detail: Schema.String,
      remedy: Schema.NullOr(Schema.String)
    })
  )
)
const decode = Schema.decodeSync(Findings)

const flags = {
  account,
  principal: "alice",
  "principal-type": "User",
  action: "add",
  entitlement: "ReadOnlyAccess"
}
const argsOf = (changes: Readonly<Record<string, string>>) =>
  Object.entries({ ...flags, ...changes }).flatMap(([name, value]) => [`--${name}`, value])

/** All that a request could leave anywhere. */
const traces = Effect.gen(function* () {
  const aws = yield* LocalAws
  const { queue, redis, sql, schema } = yield* World
  const prefix = sql.literal(schema === "ours" ? "csb_app." : "")
  const [rows] = yield* sql`SELECT (SELECT count(*) FROM ${prefix}csb_requests)::int AS requests,
    (SELECT count(*) FROM ${prefix}csb_requests_audit)::int AS audit, (SELECT count(*) FROM ${prefix}csb_requests_ref)::int AS refs`
  const keys = yield* Effect.promise(async () => {
    const names = (await redis.keys(`*${queue}*`)).toSorted()
    return Promise.all(names.map(async (key) => [key, await redis.dump(key)]))
  })
  return {
    rows,
    keys,
    attached: [
      ...aws.world.attachments(account, "User", "alice"),
      ...aws.world.attachments(account, "User", "bob"),
      ...aws.world.attachments(account, "Role", "deploy")
    ]
  }
})

/** What the dry run finds, having left nothing behind. */
const dryRun = Effect.fnUntraced(function* (
  changes: Readonly<Record<string, string>> = {},
  variables: Readonly<Record<string, string>> = {}
) {
  const { env } = yield* World
  const before = yield* traces
  const { code, stderr, stdout } = yield* runCommand(
    { ...env, ...variables },
    "submit",
    "--dry-run",
    "--json",
    ...argsOf(changes)
  )
  assert.deepStrictEqual(yield* traces, before)
  const findings = decode(stdout)
  const unwell = findings
    .filter(({ status }) => status !== "ok")
    .map(({ check, status }): readonly [string, string] => [check, status])
  return { code, stderr, unwell, of: (check: string) => findings.find((it) => it.check === check), findings }
})

const attach = (policyArn: string) =>
  Effect.map(LocalAws, (aws) => aws.world.attach(account, "User", "alice", policyArn))
const readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess"

describe.skipIf(inject("redis") === undefined)("submit --dry-run", () => {
  it.live(
    "finds that a good request would succeed, as the API's role, and calls IAM for nothing that changes anybody",
    () =>
      Effect.gen(function* () {
        const { calls } = yield* LocalAws
        const found = yield* dryRun({}, { DB_USER: "csb_api_user" })
        assert.strictEqual(found.code, 0, found.stderr)
        assert.deepStrictEqual(
          found.findings.map(({ check, status }) => [check, status]),
          [
            "request",
            "config",
            "guardrails",
            "postgresql",
            "row",
            "duration",
            "turn",
            "pauses",
            "aws identity",
            "aws role",
            "aws permission",
            "principal",
            "attachment",
            "policy",
            "quota",
            "boundary"
          ].map((check) => [check, "ok"])
        )
        assert.sameMembers(
          calls.list().map(({ operation, outcome }) => `${operation} ${outcome}`),
          [
            "GetCallerIdentity ok",
            "AssumeRole ok",
            "AttachUserPolicy NoSuchEntity",
            "ListAttachedUserPolicies ok",
            "GetPolicy ok",
            "GetUser ok",
            "GetAccountSummary ok"
          ]
        )
      }).pipe(Effect.provide(world()))
  )

  it.live("prints a line for each check and its remedy, and ends with 1 when the request would fail", () =>
    Effect.gen(function* () {
      const { env } = yield* World
      const { code, stderr, stdout } = yield* runCommand(
        env,
        "submit",
        "--dry-run",
        ...argsOf({ entitlement: "NoSuchPolicy" })
      )
      assert.strictEqual(code, 1)
      assert.match(stdout, /^✓ request {9}it is well-formed\n/)
      assert.match(
        stdout,
        /\n✗ policy {10}there is no policy arn:aws:iam::aws:policy\/NoSuchPolicy\n {18}→ Correct the/
      )
      assert.strictEqual(stderr, "error: would not succeed: policy\n")
    }).pipe(Effect.provide(world()))
  )

  it.live.each([
    ["a principal that is missing", { principal: "nobody" }, {}, "principal"],
    ["a policy without its path", { entitlement: "AWSLambdaRole" }, {}, "policy"],
    ["another account's custom policy", { entitlement: "Auditors", "entitlement-type": "custom" }, {}, "policy"],
    [
      "a policy for service-linked roles",
      { entitlement: "aws-service-role/AWSSupportServiceRolePolicy" },
      {},
      "policy"
    ],
    ["a policy that POLICY_DENY names", {}, { POLICY_DENY: readOnly }, "guardrails"],
    ["a principal that PRINCIPAL_DENY names", {}, { PRINCIPAL_DENY: "*:user/alice" }, "guardrails"],
    ["a role that does not let the worker in", { account: closedAccount }, {}, "aws role"],
    ["credentials that AWS does not know", {}, { AWS_ACCESS_KEY: "AKIANOBODY" }, "aws identity"],
    ["no AWS in the environment", {}, { AWS_REGION: "" }, "config"],
    ["no PostgreSQL", {}, { DB_PORT: "1" }, "postgresql"],
    ["no Redis", {}, { REDIS_PORT: "1" }, "pauses"],
    ["an id that has no room", { "client-request-id": "x".repeat(256) }, {}, "row"]
  ] as const)("finds %s", ([, changes, variables, check]) =>
    Effect.gen(function* () {
      const found = yield* dryRun(changes, variables)
      assert.strictEqual(found.code, 1)
      assert.deepStrictEqual(
        found.unwell.filter(([, status]) => status === "failed"),
        [[check, "failed"]]
      )
      assert.isNotNull(found.of(check)?.remedy)
      assert.strictEqual(found.stderr, `error: would not succeed: ${check}\n`)
    }).pipe(Effect.provide(world()))
  )

  it.live("finds a quota that is used up", () =>
    Effect.gen(function* () {
      const aws = yield* LocalAws
      aws.world.addAccount({ accountId: account, attachmentQuota: 1 })
      yield* attach("arn:aws:iam::aws:policy/SecurityAudit")
      const found = yield* dryRun()
      assert.deepStrictEqual([found.code, found.unwell], [1, [["quota", "failed"]]])
    }).pipe(Effect.provide(world()))
  )

  it.live("finds a handler role that may not attach this policy", () =>
    Effect.gen(function* () {
      const aws = yield* LocalAws
      aws.world.addAccount({
        accountId: account,
        handlerRole: {
          name: "cSecBridgeIAMHandlerRole",
          externalId: "ext-1",
          permissionPolicy: {
            Version: "2012-10-17",
            Statement: [
              { Effect: "Allow", Action: "iam:*", Resource: "*" },
              {
                Effect: "Deny",
                Action: "iam:AttachUserPolicy",
                Resource: "*",
                Condition: { ArnLike: { "iam:PolicyARN": readOnly } }
              }
            ]
          }
        }
      })
      const found = yield* dryRun()
      assert.deepStrictEqual([found.code, found.unwell], [1, [["aws permission", "failed"]]])
      assert.strictEqual((yield* dryRun({ action: "remove" })).code, 0)
    }).pipe(Effect.provide(world()))
  )

  it.live("warns of what would not be as expected: already so, a boundary, an older request, a pause", () =>
    Effect.gen(function* () {
      const aws = yield* LocalAws
      const { env } = yield* World
      aws.world.setBoundary(account, "User", "alice", "arn:aws:iam::aws:policy/PowerUserAccess")
      yield* attach(readOnly)
      yield* apiRequest()
      yield* runCommand(env, "pause", "--account", account, "--by", "carol", "--why", "incident 4711")
      const found = yield* dryRun()
      assert.deepStrictEqual(
        [found.code, found.unwell],
        [
          0,
          [
            ["turn", "warning"],
            ["pauses", "warning"],
            ["attachment", "warning"],
            ["boundary", "warning"]
          ]
        ]
      )
      assert.match(found.of("pauses")?.detail ?? "", /carol: incident 4711/)
    }).pipe(Effect.provide(world()))
  )

  it.live("skips what the handler role of deploy/ may not read, and says what would tell", () =>
    Effect.gen(function* () {
      const { env } = yield* World
      const aws = yield* LocalAws
      const printed = yield* runCommand(
        env,
        "role-template",
        "--trusted-principal",
        `arn:aws:iam::999999999999:user/cSecBridgeWorker`
      )
      const { permissionPolicy } = JSON.parse(printed.stdout)
      aws.world.addAccount({
        accountId: account,
        handlerRole: { name: "cSecBridgeIAMHandlerRole", externalId: "ext-1", permissionPolicy }
      })
      const found = yield* dryRun()
      assert.deepStrictEqual(
        [found.code, found.unwell],
        [
          0,
          [
            ["policy", "skipped"],
            ["boundary", "skipped"]
          ]
        ]
      )
      assert.match(found.of("policy")?.detail ?? "", /iam:GetPolicy/)
      assert.match(found.of("boundary")?.detail ?? "", /iam:GetUser/)
    }).pipe(Effect.provide(world()))
  )

  it.live("tells a legacy database that cannot end access, unless that is to be ignored", () =>
    Effect.gen(function* () {
      const found = yield* dryRun({ duration: "60" })
      assert.deepStrictEqual([found.code, found.unwell], [1, [["duration", "failed"]]])
      const ignored = yield* dryRun({ duration: "60" }, { DURATION_UNSUPPORTED: "ignore" })
      assert.deepStrictEqual([ignored.code, ignored.unwell], [0, [["duration", "warning"]]])
    }).pipe(Effect.provide(world("legacy")))
  )

  it.live("asks STS for a session of the job's own name where each job has one", () =>
    Effect.gen(function* () {
      const aws = yield* LocalAws
      const found = yield* dryRun({}, { AWS_SESSION_SCOPE: "job" })
      assert.deepStrictEqual([found.code, found.unwell], [0, []])
      assert.match(aws.world.sessions(account)[0]?.roleSessionName ?? "", /^[\da-f-]{36}$/)
    }).pipe(Effect.provide(world()))
  )
})

describe("submit", () => {
  it.live("takes --json with --dry-run alone", () =>
    Effect.gen(function* () {
      const { env } = yield* World
      const { code, stderr } = yield* runCommand(env, "submit", "--json", ...argsOf({}))
      assert.notStrictEqual(code, 0)
      assert.match(stderr, /--dry-run/)
    }).pipe(Effect.provide(world()))
  )
})
