import { assert, describe, it } from "@effect/vitest"
import { Option, Record, Schema } from "effect"
import { parse } from "@cdktf/hcl2json"
import { decodePolicy, evaluate } from "../../local/aws/Policy.ts"
import { cloudFormation } from "../../src/domain/handlerRole/cloudFormation.ts"
import { arnLike } from "../../src/domain/handlerRole/HandlerRole.ts"
import { json } from "../../src/domain/handlerRole/json.ts"
import type { Settings } from "../../src/domain/handlerRole/parameters.ts"
import { jobSessionPolicy, nobody, preflightSessionPolicy } from "../../src/domain/handlerRole/sessionPolicy.ts"
import { terraform } from "../../src/domain/handlerRole/terraform.ts"
import { handlerOperations } from "../../src/domain/handlerOperations.ts"
import { Job } from "../../src/domain/Job.ts"
import { policyChange } from "../../src/domain/PolicyChange.ts"
import { aHandlerRole, aJob } from "../fixture.ts"

const worker = "arn:aws:iam::999999999999:role/csb/worker"

const settings = (some: Partial<Settings> = {}): Settings => ({
  ...aHandlerRole(),
  trusted: Option.some(worker),
  ...some
})

const everything = settings({
  organizationId: Option.some("o-a1b2c3d4e5"),
  sessionScope: "job",
  sourceIdentity: true,
  allow: Option.some(["arn:aws:iam::aws:policy/job-function/*"]),
  deny: ["arn:aws:iam::*:policy/*Admin*"]
})

const Printed = Schema.fromJsonString(
  Schema.Struct({ roleName: Schema.String, trustPolicy: Schema.Unknown, permissionPolicy: Schema.Unknown })
)
const printed = (some?: Settings) => Schema.decodeSync(Printed)(json(some ?? settings()))

/** Replaces what a template computes, by the same values that `json` was given. */
const resolve = (value: unknown, resolveText: (text: string) => string): unknown => {
  if (typeof value === "string") return resolveText(value)
  if (Array.isArray(value)) return value.map((item) => resolve(item, resolveText))
  return typeof value === "object" && value !== null
    ? Record.map({ ...value }, (item) => resolve(item, resolveText))
    : value
}

describe("the handler role", () => {
  it("trusts one worker, with its ExternalId, its organization, and under its session name", () => {
    const { trustPolicy } = printed(settings({ organizationId: Option.some("o-a1b2c3d4e5") }))
    assert.deepStrictEqual(trustPolicy, {
      Version: "2012-10-17",
      Statement: [
        {
          Sid: "Worker",
          Effect: "Allow",
          Principal: { AWS: worker },
          Action: "sts:AssumeRole",
          Condition: {
            StringEquals: { "sts:ExternalId": "ext-1", "aws:PrincipalOrgID": "o-a1b2c3d4e5" },
            StringLike: { "sts:RoleSessionName": "cSecBridgeWorkerSession" }
          }
        }
      ]
    })
  })

  it("trusts sessions that are named by their jobs, and by nothing else, where each job has its own", () => {
    const { trustPolicy } = printed(settings({ externalId: Option.none(), sessionScope: "job", sourceIdentity: true }))
    const Principal = { AWS: worker }
    const anyUuid = "????????-????-????-????-????????????"
    assert.deepStrictEqual(trustPolicy, {
      Version: "2012-10-17",
      Statement: [
        {
          Sid: "Worker",
          Effect: "Allow",
          Principal,
          Action: "sts:AssumeRole",
          Condition: { StringLike: { "sts:RoleSessionName": anyUuid, "sts:SourceIdentity": anyUuid } }
        },
        {
          Sid: "SourceIdentity",
          Effect: "Allow",
          Principal,
          Action: "sts:SetSourceIdentity",
          Condition: { StringLike: { "sts:SourceIdentity": anyUuid } }
        }
      ]
    })
  })

  it.each([
    ["any policy without POLICY_ALLOW", settings(), ["arn:aws:iam::*:policy/*"]],
    ["what POLICY_ALLOW names, and nothing else", everything, ["arn:aws:iam::aws:policy/job-function/*"]]
  ] as const)("may attach %s", (_, some, patterns) => {
    const { Statement: statements } = Option.getOrThrow(decodePolicy(JSON.stringify(printed(some).permissionPolicy)))
    const attach = statements.filter(
      ({ Action, Effect }) => Effect === "Allow" && JSON.stringify(Action).includes("iam:Attach")
    )
    assert.deepStrictEqual(
      attach.map(({ Condition }) => Condition),
      [{ ArnLike: { "iam:PolicyARN": patterns } }]
    )
  })

  it("may detach whatever it may not attach", () => {
    const { Statement: statements } = Option.getOrThrow(
      decodePolicy(JSON.stringify(printed(everything).permissionPolicy))
    )
    assert.deepStrictEqual(
      statements.filter(({ Condition, Effect }) => Effect === "Deny" && Condition !== undefined),
      [
        {
          Sid: "NeverAttach",
          Effect: "Deny",
          Action: ["iam:AttachUserPolicy", "iam:AttachRolePolicy"],
          Resource: "*",
          Condition: {
            ArnLike: {
              "iam:PolicyARN": [
                "arn:aws:iam::aws:policy/AdministratorAccess",
                "arn:aws:iam::aws:policy/IAMFullAccess",
                "arn:aws:iam::aws:policy/PowerUserAccess",
                "arn:aws:iam::*:policy/*Admin*"
              ]
            }
          }
        }
      ]
    )
  })

  it("trusts nobody as long as the worker is not named", () => {
    const { trustPolicy } = printed(settings({ trusted: Option.none() }))
    // IAM takes ARNs, account numbers and `*` for a principal.
    assert.notMatch(JSON.stringify(trustPolicy), /"AWS":"(?:arn:|\d|\*)/)
  })

  it.each([
    ["plain", settings()],
    ["with everything", everything],
    [
      "with long names",
      settings({
        name: "r".repeat(64),
        externalId: Option.some("e".repeat(1224)),
        sessionName: "s".repeat(64),
        deny: Array.from({ length: 50 }, (_, index) => `arn:aws:iam::*:policy/${"p".repeat(100)}${index}`)
      })
    ]
  ] as const)("%s, keeps to IAM's grammar and sizes", (_, some) => {
    const { permissionPolicy, trustPolicy } = printed(some)
    for (const [document, limit] of [
      [trustPolicy, 2_048],
      [permissionPolicy, 10_240]
    ] as const) {
      const text = JSON.stringify(document)
      assert.isAtMost(text.length, limit)
      const { Statement: statements } = Option.getOrThrow(decodePolicy(text))
      assert.strictEqual(new Set(statements.map(({ Sid }) => Sid)).size, statements.length)
      for (const { Action, NotAction, Principal, Resource, Sid } of statements) {
        assert.match(Sid ?? "", /^[A-Za-z0-9]+$/)
        assert.strictEqual([Action, NotAction].filter((it) => it !== undefined).length, 1)
        assert.strictEqual([Principal, Resource].filter((it) => it !== undefined).length, 1)
      }
    }
  })

  it.each([
    ["plain", settings()],
    ["with everything", everything]
  ] as const)("%s, is the same in CloudFormation", (_, some) => {
    const Template = Schema.fromJsonString(
      Schema.Struct({
        AWSTemplateFormatVersion: Schema.Literal("2010-09-09"),
        Description: Schema.String,
        Parameters: Schema.Record(
          Schema.String,
          Schema.Struct({
            Type: Schema.Literal("String"),
            Description: Schema.String,
            AllowedPattern: Schema.String,
            ConstraintDescription: Schema.String,
            Default: Schema.optionalKey(Schema.String)
          })
        ),
        Resources: Schema.Struct({
          HandlerRole: Schema.Struct({
            Type: Schema.Literal("AWS::IAM::Role"),
            Properties: Schema.Struct({
              RoleName: Schema.String,
              MaxSessionDuration: Schema.Int,
              AssumeRolePolicyDocument: Schema.Unknown,
              Policies: Schema.Tuple([Schema.Struct({ PolicyName: Schema.String, PolicyDocument: Schema.Unknown })])
            })
          })
        }),
        Outputs: Schema.Record(Schema.String, Schema.Struct({ Value: Schema.Unknown }))
      })
    )
    const { Parameters, Resources } = Schema.decodeSync(Template)(cloudFormation(some), { onExcessProperty: "error" })
    const { AssumeRolePolicyDocument, Policies, RoleName } = Resources.HandlerRole.Properties
    const values: Record<string, string> = { "AWS::Partition": "aws" }
    for (const [name, { AllowedPattern, Default = "" }] of Object.entries(Parameters)) {
      assert.match(Default, new RegExp(AllowedPattern))
      values[name] = Default
    }
    const fill = (text: string) => text.replaceAll(/\$\{([\w:]+)\}/g, (_, name: string) => values[name] ?? "unknown")
    const Intrinsic = Schema.Union([Schema.Struct({ Ref: Schema.String }), Schema.Struct({ "Fn::Sub": Schema.String })])
    const plain = (document: unknown) =>
      JSON.parse(JSON.stringify(document), (_, value: unknown) => {
        if (!Schema.is(Intrinsic)(value)) return value
        return fill("Ref" in value ? `\${${value.Ref}}` : value["Fn::Sub"])
      })
    assert.deepStrictEqual(
      {
        roleName: RoleName,
        trustPolicy: plain(AssumeRolePolicyDocument),
        permissionPolicy: plain(Policies[0].PolicyDocument)
      },
      printed(some)
    )
  })

  it.each([
    ["plain", settings()],
    ["with everything", everything]
  ] as const)("%s, is the same in Terraform", async (_, some) => {
    const text = terraform(some)
    const parsed = JSON.stringify(await parse("main.tf", text))
    for (const part of ["aws_iam_role", "aws_iam_role_policy", "trusted_principal", "external_id", "role_arn"]) {
      assert.include(parsed, `"${part}":`)
    }
    const values: Record<string, string> = {
      "data.aws_partition.current.partition": "aws",
      "var.trusted_principal": worker,
      "var.external_id": "ext-1"
    }
    const fill = (it: string) => it.replaceAll(/\$\{([\w.]+)\}/g, (_, name: string) => values[name] ?? "unknown")
    const policies = []
    for (const [, document] of text.matchAll(/= jsonencode\((\{.*?^ {2}\})\)/gms)) {
      policies.push(resolve(await parse("policy.tf", `policy = ${document}`), fill))
    }
    const { permissionPolicy, trustPolicy } = printed(some)
    assert.deepStrictEqual(policies, [{ policy: trustPolicy }, { policy: permissionPolicy }])
  })

  it.each([
    ["arn:aws:iam::aws:policy/X*", Option.some("arn:aws:iam::aws:policy/X*")],
    ["*Admin*", Option.some("arn:*:iam::*:*Admin*")],
    ["*:policy/X", Option.none()]
  ] as const)("takes the pattern %s of a guardrail for %s", (pattern, expected) => {
    assert.deepStrictEqual(arnLike(pattern), expected)
  })
})

describe("a job's session policy", () => {
  const policyOf = (job: Job) => JSON.stringify(jobSessionPolicy("aws-us-gov", policyChange("aws-us-gov", job)))

  it.prop("names one principal and one policy, whatever the job says", [Job], ([job]) => {
    const [change, readBack] = Option.getOrThrow(decodePolicy(policyOf(job))).Statement
    const principals = `arn:aws-us-gov:iam::${job.account_id}:${job.principal_type.toLowerCase()}/`
    for (const statement of [change, readBack]) {
      assert.deepStrictEqual(statement?.Resource, [`${principals}${job.principal}`, `${principals}*/${job.principal}`])
    }
    assert.notMatch(JSON.stringify(change?.Condition), /[*?$]/)
    assert.notMatch(job.principal, /[*?$]/)
  })

  it("fits into what STS takes, however long the names are", () => {
    const longest = aJob({
      principal: "p".repeat(64),
      principal_type: "Role",
      entitlement: `${`${"d".repeat(64)}/`.repeat(8)}${"n".repeat(128)}`
    })
    assert.isAtMost(policyOf(longest).length, 2_048)
  })
})

describe("the session policy of a preflight", () => {
  const policyOf = (job: Job, scope: "account" | "job") =>
    JSON.stringify(preflightSessionPolicy("aws-us-gov", policyChange("aws-us-gov", job), scope))

  it.prop(
    "lets a change be made to nobody, and reads no more than the job's own principal where each job has a session",
    [Job, Schema.Literals(["account", "job"])],
    ([job, scope]) => {
      const policy = Option.getOrThrow(decodePolicy(policyOf(job, scope)))
      const principals = `arn:aws-us-gov:iam::${job.account_id}:${job.principal_type.toLowerCase()}/`
      const may = (action: string, resource: string) =>
        evaluate(policy, { callers: [], action: `iam:${action}`, resource, context: new Map() }) === "allow"
      const change = `${job.action === "add" ? "Attach" : "Detach"}${job.principal_type}Policy`
      assert.isTrue(may(change, `${principals}${nobody}1`))
      for (const operation of handlerOperations.filter((it) => !it.startsWith("List"))) {
        assert.isFalse(may(operation, `${principals}x${job.principal}`), operation)
      }
      assert.isFalse(may("CreateAccessKey", `${principals}${job.principal}`))
      assert.isTrue(may(`ListAttached${job.principal_type}Policies`, `${principals}path/${job.principal}`))
      assert.strictEqual(may(`Get${job.principal_type}`, `${principals}x${job.principal}`), scope === "account")
    }
  )

  it("fits into what STS takes, however long the names are", () => {
    const longest = aJob({ principal: "p".repeat(64), principal_type: "Role" })
    assert.isAtMost(policyOf(longest, "job").length, 2_048)
  })
})
