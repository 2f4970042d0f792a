import { assert, describe, it } from "@effect/vitest"
import { Option, Result, Schema } from "effect"
import {
  canMatchPolicy,
  checkPolicy,
  checkPrincipal,
  protectedPrincipals,
  samplePolicy
} from "../../src/domain/Guardrail.ts"
import { searchTerm } from "../../src/domain/History.ts"
import { AccountId } from "../../src/domain/Job.ts"
import { handlerRoleArn, operationOf, partitionOf, policyChange } from "../../src/domain/PolicyChange.ts"
import { disagreements, type RequestRow } from "../../src/domain/Request.ts"
import {
  auditLog,
  countedDelivery,
  isInDoubt,
  JobRejected,
  printable,
  Settlement,
  statusAfter,
  WorkerDefect
} from "../../src/domain/Settlement.ts"
import { AccessDenied, Throttling, Timeout } from "../../src/domain/AwsError.ts"
import { aJob } from "../fixture.ts"

describe("policyChange", () => {
  it.each([
    ["aws", "default", "service-role/X", "arn:aws:iam::aws:policy/service-role/X"],
    ["aws", "custom", "X", "arn:aws:iam::123456789012:policy/X"],
    ["aws-cn", "default", "X", "arn:aws-cn:iam::aws:policy/X"],
    ["aws-us-gov", "custom", "team/X", "arn:aws-us-gov:iam::123456789012:policy/team/X"]
  ] as const)("in %s, a %s policy %s is %s", (partition, entitlement_type, entitlement, arn) => {
    assert.strictEqual(policyChange(partition, aJob({ entitlement, entitlement_type })).policyArn, arn)
  })

  it.each([
    ["add", "User", "AttachUserPolicy"],
    ["add", "Role", "AttachRolePolicy"],
    ["remove", "User", "DetachUserPolicy"],
    ["remove", "Role", "DetachRolePolicy"]
  ] as const)("to %s for a %s is %s", (action, principal_type, operation) => {
    assert.strictEqual(operationOf(policyChange("aws", aJob({ action, principal_type }))), operation)
  })

  it.each([
    ["us-east-1", "aws"],
    ["eu-central-2", "aws"],
    ["cn-north-1", "aws-cn"],
    ["us-gov-west-1", "aws-us-gov"]
  ] as const)("%s lies in %s", (region, partition) => {
    assert.strictEqual(partitionOf(region), partition)
  })

  it("names the handler role", () => {
    assert.strictEqual(handlerRoleArn("aws-cn", "123456789012", "Handler"), "arn:aws-cn:iam::123456789012:role/Handler")
  })
})

describe("a policy pattern", () => {
  const PolicyArn = Schema.Tuple([
    Schema.Literals(["aws", "aws-cn", "aws-us-gov"]),
    Schema.Union([Schema.Literal("aws"), AccountId]),
    Schema.String.check(Schema.isPattern(/^(?:[a-z]{1,8}\/)?[A-Za-z0-9+=,.@_-]{1,20}$/)),
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 80 })),
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 80 }))
  ])

  it.prop("that was made of a policy's ARN can match one", [PolicyArn], ([[partition, owner, name, from, length]]) => {
    const arn = `arn:${partition}:iam::${owner}:policy/${name}`
    const pattern = `${arn.slice(0, from)}*${arn.slice(from + length)}`
    assert.isTrue(canMatchPolicy(arn, partition), arn)
    assert.isTrue(canMatchPolicy(pattern, partition), pattern)
  })

  it.each([
    "arn:aws-cn:iam::aws:policy/*",
    "arn:aws:iam::aws:role/*",
    "arn:aws:iam:us-east-1:aws:policy/*",
    "arn:aws:iam::1234:policy/*",
    "arn:aws:iam::1234567890123*",
    "arn:aws:iam::AWS:policy/*",
    "arn:aws:s3:::bucket/*",
    "arn:aws:iam::aws:policy/"
  ])("%s can match none in aws", (pattern) => {
    assert.isFalse(canMatchPolicy(pattern, "aws"))
  })

  it.each([
    [[], undefined, "arn:aws:iam::aws:policy/ReadOnlyAccess"],
    [[], ["arn:aws:iam::*:policy/X", "arn:aws:iam::aws:policy/View*"], "arn:aws:iam::aws:policy/ViewX"],
    [
      ["*/A"],
      ["arn:aws:iam::aws:policy/A", "arn:aws:iam::123456789012:policy/t/B"],
      "arn:aws:iam::123456789012:policy/t/B"
    ]
  ] as const)("of deny %j and allow %j stands for %s", (deny, allow, arn) => {
    assert.strictEqual(samplePolicy("aws", Option.some({ deny, allow: Option.fromUndefinedOr(allow) })), arn)
  })
})

describe("checkPolicy", () => {
  const admin = "arn:aws:iam::aws:policy/AdministratorAccess"
  const read = "arn:aws:iam::aws:policy/ReadOnlyAccess"
  const allowed = (deny: ReadonlyArray<string>, allow: ReadonlyArray<string> | undefined, arn: string) =>
    Result.isSuccess(checkPolicy({ deny, allow: Option.fromUndefinedOr(allow) }, arn))

  it.each([
    ["no rules", [], undefined, admin, true],
    ["an exact deny", [admin], undefined, admin, false],
    ["a deny of another", [admin], undefined, read, true],
    ["a deny pattern", ["*Administrator*"], undefined, admin, false],
    ["a deny in another case", ["*/administratoraccess"], undefined, admin, false],
    ["a pattern is anchored", ["arn:aws:iam::aws:policy/Admin"], undefined, admin, true],
    ["a dot is a dot", ["arn:aws:iam::aws:policy/Read.nlyAccess"], undefined, read, true],
    ["an allow pattern", [], ["arn:aws:iam::aws:policy/*"], read, true],
    ["an allow of another", [], [read], admin, false],
    ["an allow in another case", [], [read.toUpperCase()], read, false],
    ["an allow of nothing", [], [], read, false],
    ["deny before allow", [read], ["*"], read, false]
  ] as const)("%s", (_, deny, allow, arn, expected) => {
    assert.strictEqual(allowed(deny, allow, arn), expected)
  })
})

describe("checkPrincipal", () => {
  const byDefault = protectedPrincipals("Handler")

  it.each([
    ["a user", byDefault, "User", "alice", true],
    ["a role", byDefault, "Role", "deploy", true],
    ["the handler role", byDefault, "Role", "Handler", false],
    ["the handler role in another case", byDefault, "Role", "hANDLER", false],
    ["a user of its name", byDefault, "User", "Handler", true],
    ["a role whose name begins like it", byDefault, "Role", "Handler2", true],
    ["a service's role", byDefault, "Role", "AWSServiceRoleForSupport", false],
    ["a service's role in another case", byDefault, "Role", "awsservicerolefortrustedadvisor", false],
    ["a role of the SSO", byDefault, "Role", "AWSReservedSSO_Admin_0123456789abcdef", false],
    ["a role with a service's name within its own", byDefault, "Role", "x-AWSServiceRoleForSupport", true],
    ["a role with the SSO's name within its own", byDefault, "Role", "x-AWSReservedSSO_Admin", true],
    ["a user who is called like one", byDefault, "User", "AWSReservedSSO_Admin", true],
    [
      "a role of the SSO by its name alone",
      ["arn:aws:iam::*:role/AWSReservedSSO_*"],
      "Role",
      "AWSReservedSSO_A_1",
      false
    ],
    [
      "a user who is called like one, by its name",
      ["*:user/AWSReservedSSO_Admin"],
      "User",
      "AWSReservedSSO_Admin",
      false
    ],
    ["a pattern", ["arn:aws:iam::*:role/break-glass*"], "Role", "break-glass-1", false],
    ["a pattern of another account", ["arn:aws:iam::210987654321:role/*"], "Role", "deploy", true],
    ["a pattern without the rest of the ARN", ["*/root"], "User", "root", false],
    ["nothing denied", [], "Role", "Handler", true]
  ] as const)("%s", (_, deny, principal_type, principal, expected) => {
    const result = checkPrincipal(deny, "aws", policyChange("aws", aJob({ principal, principal_type })))
    assert.strictEqual(Result.isSuccess(result), expected)
  })
})

describe("disagreements", () => {
  const row = (fields: Partial<RequestRow> = {}): RequestRow => ({
    principal: "alice",
    action: "add",
    entitlement: "ReadOnlyAccess",
    account_id: "123456789012",
    principal_type: null,
    entitlement_type: null,
    duration_minutes: null,
    ...fields
  })

  it("finds none between a job and its row, whether the optional columns are open or filled", () => {
    assert.deepStrictEqual(disagreements(aJob(), row()), [])
    assert.deepStrictEqual(disagreements(aJob(), row({ principal_type: "user", entitlement_type: "default" })), [])
    assert.deepStrictEqual(disagreements(aJob({ duration_minutes: 5 }), row({ duration_minutes: 5 })), [])
  })

  it.each([
    ["principal", "mallory"],
    ["principal", "Alice"],
    ["action", "remove"],
    ["entitlement", "AdministratorAccess"],
    ["account_id", "210987654321"],
    ["principal_type", "Role"],
    ["entitlement_type", "custom"],
    ["duration_minutes", 60]
  ] as const)("finds another %s, %s", (field, value) => {
    assert.deepStrictEqual(disagreements(aJob(), row({ [field]: value })), [field])
  })
})

describe("Settlement", () => {
  const throttled = new Throttling({ code: "Throttling", message: "Rate exceeded", operation: "AttachUserPolicy" })
  const requeued = Settlement.Requeued({ error: throttled, delivery: 3 })

  it.each([
    [
      Settlement.Succeeded({ requestId: Option.some("r-1"), effected: "applied" }),
      "SUCCESS",
      "Policy applied, AWS request r-1"
    ],
    [Settlement.Succeeded({ requestId: Option.none(), effected: "found so" }), "SUCCESS", "Policy found so"],
    [Settlement.Failed({ error: throttled }), "FAILED", "Throttling: Rate exceeded (AttachUserPolicy)"],
    [
      Settlement.Failed({ error: new JobRejected({ code: "PayloadMismatch", message: "they differ" }) }),
      "FAILED",
      "PayloadMismatch: they differ"
    ],
    [requeued, "PENDING", "Delivery 3 ended transiently: Throttling: Rate exceeded (AttachUserPolicy)"],
    [
      Settlement.Released({ reason: "the worker shuts down", until: "next" }),
      "PENDING",
      "Given back, not counted as a delivery: the worker shuts down"
    ]
  ] as const)("%#", (settlement, status, log) => {
    assert.strictEqual(statusAfter(settlement), status)
    assert.strictEqual(auditLog(settlement), log)
  })

  const codes = { code: "Code", message: "why", operation: "AttachUserPolicy" }
  it.each([
    ["failed without an answer", Settlement.Failed({ error: new Timeout(codes) }), true],
    ["failed by a fault of the worker", Settlement.Failed({ error: new WorkerDefect({ message: "a bug" }) }), true],
    ["was refused", Settlement.Failed({ error: new AccessDenied(codes) }), false],
    ["is tried again", Settlement.Requeued({ error: new Timeout(codes), delivery: 1 }), false]
  ] as const)("of what %s", (_, settlement, expected) => {
    assert.strictEqual(isInDoubt(settlement), expected)
  })

  it("counts what it writes for a requeued delivery, and nothing else", () => {
    const counted = new RegExp(`^${countedDelivery.replaceAll("%", ".*")}$`)
    assert.match(auditLog(requeued), counted)
    assert.notMatch(auditLog(Settlement.Released({ reason: "x", until: "next" })), counted)
    assert.notMatch(auditLog(Settlement.Failed({ error: throttled })), counted)
  })

  it.prop("keeps every text printable and short", [Schema.String], ([text]) => {
    assert.notMatch(printable(`\u0000${text}\u202e\n`), /[\p{Cc}\p{Cf}]/u)
    assert.isAtMost(printable(text.repeat(2_000)).length, 4_000)
  })
})

describe("what is searched for", () => {
  const id = "6F1F3BD0-9f0e-4a5e-8f52-0e9d7f3f2a11"
  it.each([
    [id, "Request"],
    [`${id}1`, "Principal"],
    [`x${id}`, "Principal"],
    ["123456789012", "Account"],
    ["1234567890123", "Principal"],
    ["x123456789012", "Principal"],
    ["123456789012x", "Principal"],
    ["alice", "Principal"]
  ])("%s is found as %s", (text, tag) => {
    assert.strictEqual(searchTerm(text)._tag, tag)
  })
})
