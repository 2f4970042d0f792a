import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { inject } from "vitest"
import { freePort } from "../../local/freePort.ts"
import { LocalAws } from "../../local/aws/LocalAws.ts"
import { handlerOperations } from "../../src/domain/handlerOperations.ts"
import { examine } from "./examine.ts"
import { runCommand, startWorker } from "./program.ts"
import { account, closedAccount, World, world } from "./world.ts"

const checks = [
  "config",
  "postgresql",
  "postgresql schema",
  "postgresql grants",
  "postgresql rows",
  "postgresql statements",
  "postgresql indexes",
  "redis",
  "redis version",
  "redis memory",
  "redis commands",
  "aws identity",
  "aws clock",
  "aws role",
  "aws permissions",
  "http port"
]

const SessionPolicy = Schema.fromJsonString(
  Schema.Struct({ Statement: Schema.Array(Schema.Struct({ Action: Schema.Array(Schema.String) })) })
)

describe.skipIf(inject("redis") === undefined)("doctor", () => {
  it.live("finds all well, in a fixed order, and changes nothing", () =>
    Effect.gen(function* () {
      const aws = yield* LocalAws
      const { queue, redis } = yield* World
      const { code, findings, output } = yield* examine({}, "--account", account)
      assert.strictEqual(code, 0, output)
      assert.deepStrictEqual(
        findings.map(({ check, status }) => [check, status]),
        checks.map((check) => [check, "ok"])
      )
      assert.deepStrictEqual(yield* Effect.promise(() => redis.keys(`*${queue}*`)), [])
      assert.isEmpty([
        ...aws.world.attachments(account, "User", "alice"),
        ...aws.world.attachments(account, "Role", "deploy")
      ])
      assert.deepStrictEqual(
        aws.calls
          .list({ operation: "GetCallerIdentity" })
          .map(({ outcome }) => outcome)
          .toSorted(),
        ["MissingAuthenticationToken", "ok"]
      )
      const [session] = aws.world.sessions(account)
      assert.sameMembers(
        Schema.decodeUnknownSync(SessionPolicy)(session?.policy).Statement.flatMap(({ Action }) => Action),
        handlerOperations.map((operation) => `iam:${operation}`)
      )
      for (const operation of handlerOperations) {
        assert.deepStrictEqual(
          aws.calls.list({ operation }).map(({ outcome }) => outcome),
          ["NoSuchEntity"]
        )
      }
    }).pipe(Effect.provide(world()))
  )

  it.live("prints a line for each check and its remedy for people, and ends with 1 when one failed", () =>
    Effect.gen(function* () {
      const { env } = yield* World
      const { code, stderr, stdout } = yield* runCommand(
        { ...env, HTTP_HOST: "127.0.0.1", HTTP_PORT: "0", DB_PORT: "1" },
        "doctor"
      )
      assert.strictEqual(code, 1)
      assert.match(stdout, /^✓ config {17}all variables are well-formed\n✗ postgresql {13}cannot use .*ECONNREFUSED/)
      assert.match(stdout, /\n {25}→ Start PostgreSQL, or correct DB_HOST and DB_PORT/)
      assert.match(stdout, /\n- postgresql schema {6}skipped: see postgresql\n/)
      assert.match(stdout, /\n✓ redis commands /)
      assert.strictEqual(stderr, "error: not well: postgresql\n")
      assert.notInclude(stdout, "\u001B")
    }).pipe(Effect.provide(world()))
  )

  it.live("tells each bad variable with its remedy, looks at what it can, and names no secret", () =>
    Effect.gen(function* () {
      const found = yield* examine({ DB_PORT: "s3cr3t-port", REDIS_HOST: "", JOB_LEASE: "soon", DB_PASSWORD: "s3cr3t" })
      assert.strictEqual(found.code, 1)
      assert.deepStrictEqual(
        found.findings
          .filter(({ check }) => check === "config")
          .map(({ detail, remedy }) => [detail.split(":", 1)[0], remedy]),
        [
          ["DB_PORT", "Correct DB_PORT; the README says what each variable means"],
          ["REDIS_HOST", "Set REDIS_HOST"],
          ["JOB_LEASE", "Correct JOB_LEASE; the README says what each variable means"]
        ]
      )
      assert.deepStrictEqual(found.with("failed"), ["config", "config", "config"])
      assert.sameMembers(found.with("ok"), ["aws identity", "aws clock", "http port"])
      assert.notInclude(found.output, "s3cr3t")
    }).pipe(Effect.provide(world()))
  )

  it.live("warns of policy rules that match nothing, and of a port that is taken", () =>
    Effect.gen(function* () {
      const { env } = yield* World
      const port = String(yield* freePort)
      yield* startWorker({ ...env, HTTP_PORT: port })
      const found = yield* examine({
        HTTP_PORT: port,
        POLICY_DENY: "arn:aws-cn:iam::aws:policy/*,arn:aws:iam::aws:policy/Admin*"
      })
      assert.strictEqual(found.code, 0)
      assert.deepStrictEqual(found.with("warning"), ["config rules", "http port"])
      assert.match(found.of("config rules").detail, /match arn:aws-cn:iam::aws:policy\/\*$/)
    }).pipe(Effect.scoped, Effect.provide(world()))
  )

  it.live("tells a file that cannot be read, once", () =>
    Effect.gen(function* () {
      const found = yield* examine({ DB_SSL: "require", DB_SSL_CA: "/nowhere.pem" })
      assert.deepStrictEqual(found.with("failed"), ["config"])
      assert.match(found.of("config").detail, /^DB_SSL_CA: .*nowhere\.pem/)
    }).pipe(Effect.provide(world()))
  )
})

describe("doctor on AWS", () => {
  /** What of the AWS checks is not ok, each with its remedy. */
  const unwell = Effect.fnUntraced(function* (
    changes: Readonly<Record<string, string>>,
    ...args: ReadonlyArray<string>
  ) {
    const { code, findings } = yield* examine(changes, ...args)
    return {
      code,
      found: findings.filter(({ check, status }) => check.startsWith("aws") && status !== "ok")
    }
  })
  const matches = (
    found: Effect.Success<ReturnType<typeof unwell>>["found"],
    expected: ReadonlyArray<readonly [string, string, RegExp, RegExp?]>
  ) => {
    assert.deepStrictEqual(
      found.map(({ check, status }) => [check, status]),
      expected.map(([check, status]) => [check, status])
    )
    expected.forEach(([, , detail, remedy], index) => {
      assert.match(found[index]?.detail ?? "", detail)
      if (remedy !== undefined) assert.match(found[index]?.remedy ?? "", remedy)
    })
  }

  it.live.each([
    ["a wrong secret", { AWS_SECRET_KEY: "s3cr3t" }, /^SignatureDoesNotMatch: /, /AWS_SECRET_KEY/, true],
    ["an unknown key", { AWS_ACCESS_KEY: "AKIANOBODY" }, /^InvalidClientTokenId: /, /AWS_ACCESS_KEY/, true],
    ["no way to AWS", { AWS_ENDPOINT_URL: "http://127.0.0.1:1" }, /^ECONNREFUSED/, /network/, false]
  ] as const)("finds %s", ([, changes, detail, remedy, tellsTime]) =>
    Effect.gen(function* () {
      const { code, found } = yield* unwell(changes, "--account", account)
      assert.strictEqual(code, 1)
      matches(
        found.filter(({ check }) => check !== "aws clock"),
        [
          ["aws identity", "failed", detail, remedy],
          ["aws role", "skipped", /^see aws identity$/],
          ["aws permissions", "skipped", /^see aws role$/]
        ]
      )
      assert.strictEqual(!found.some(({ check }) => check === "aws clock"), tellsTime)
    }).pipe(Effect.provide(world()))
  )

  it.live.each([
    [-3_600_000, "failed", /^this host's clock is 1h(?: 1s)? ahead of AWS's$/],
    [400_000, "failed", /^this host's clock is 6m (?:39|40)s behind AWS's$/],
    [60_000, "warning", /^this host's clock is (?:59s|1m) behind AWS's$/]
  ] as const)("finds a clock that is off by %s ms", ([offset, status, detail]) =>
    Effect.gen(function* () {
      const aws = yield* LocalAws
      aws.setClockOffset(offset)
      const { code, found } = yield* unwell({})
      assert.strictEqual(code, status === "failed" ? 1 : 0)
      const clock = found.find(({ check }) => check === "aws clock")
      assert.match(clock?.detail ?? "", detail)
      assert.strictEqual(clock?.status, status)
      assert.match(clock?.remedy ?? "", /NTP/)
      const identity = found.find(({ check }) => check === "aws identity")
      assert.strictEqual(identity?.status, status === "failed" ? "failed" : undefined)
      if (status === "failed") assert.match(identity?.remedy ?? "", /NTP/)
    }).pipe(Effect.provide(world()))
  )

  it.live.each([
    ["no role", { AWS_ASSUME_ROLE_NAME: "nowhere" }, account],
    ["one that does not trust the worker", {}, closedAccount],
    ["another ExternalId", { AWS_EXTERNAL_ID: "ext-2" }, account]
  ] as const)("finds %s in an account, and says what to look at", ([, changes, target]) =>
    Effect.gen(function* () {
      const { code, found } = yield* unwell(changes, "--account", target)
      assert.strictEqual(code, 1)
      matches(found, [
        [
          "aws role",
          "failed",
          /^AccessDenied: .*STS does not say whether the role is missing or does not let the worker in$/,
          new RegExp(`account ${target}.*:role/.* exists.*trust policy.*user/.*ExternalId.*AWS_EXTERNAL_ID.*SCPs`)
        ],
        ["aws permissions", "skipped", /^see aws role$/]
      ])
    }).pipe(Effect.provide(world()))
  )

  it.live.each(["ListAttachedRolePolicies", "AttachUserPolicy", "DetachRolePolicy"] as const)(
    "finds a role that may not call %s",
    (operation) =>
      Effect.gen(function* () {
        const aws = yield* LocalAws
        aws.faults.add({ operation, effect: { kind: "error", code: "AccessDenied" } })
        const { code, found } = yield* unwell({}, "--account", account)
        assert.strictEqual(code, 1)
        matches(found, [
          ["aws permissions", "failed", new RegExp(`may not call iam:${operation}, tried with`), /^Allow/]
        ])
      }).pipe(Effect.provide(world()))
  )

  it.live("tries a policy that POLICY_ALLOW lets through", () =>
    Effect.gen(function* () {
      const aws = yield* LocalAws
      yield* examine(
        { POLICY_ALLOW: `arn:aws:iam::*:policy/${randomUUID()},arn:aws:iam::aws:policy/job-function/View*` },
        "--account",
        account
      )
      assert.deepStrictEqual(
        aws.calls.list({ operation: "AttachUserPolicy" }).map(({ policyArn }) => policyArn),
        ["arn:aws:iam::aws:policy/job-function/ViewX"]
      )
    }).pipe(Effect.provide(world()))
  )

  it.live("tells a throttled IAM from one that refuses", () =>
    Effect.gen(function* () {
      const aws = yield* LocalAws
      aws.faults.add({ operation: "ListAttachedUserPolicies", effect: { kind: "error", code: "Throttling" } })
      const { found } = yield* unwell({}, "--account", account)
      matches(found, [["aws permissions", "failed", /^Throttling: .*ListAttachedUserPolicies/, /again/]])
    }).pipe(Effect.provide(world()))
  )

  it.live("looks at no account unless it is told one", () =>
    Effect.gen(function* () {
      const aws = yield* LocalAws
      const { found } = yield* unwell({})
      matches(found, [
        ["aws role", "skipped", /--account/],
        ["aws permissions", "skipped", /--account/]
      ])
      assert.strictEqual(aws.calls.count({ operation: "AssumeRole" }), 0)
    }).pipe(Effect.provide(world()))
  )
})
