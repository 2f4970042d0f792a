import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import { type AccessRequest, decodePolicy, evaluate, type Policy } from "../../../local/aws/Policy.ts"

const user = "arn:aws:iam::111111111111:user/team/alice"
const readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess"

const request: AccessRequest = {
  callers: ["arn:aws:sts::999999999999:assumed-role/worker/w", "arn:aws:iam::999999999999:role/worker"],
  action: "iam:AttachUserPolicy",
  resource: user,
  context: new Map([["iam:policyarn", readOnly]])
}

const allow = (parts: Partial<Policy["Statement"][number]>): Policy["Statement"][number] => ({
  Effect: "Allow",
  ...(parts.NotAction === undefined && { Action: "*" }),
  ...(parts.NotResource === undefined && { Resource: "*" }),
  ...parts
})
const verdict = (...statements: Policy["Statement"]) =>
  evaluate({ Version: "2012-10-17", Statement: statements }, request)

describe("a policy", () => {
  it("says nothing of what no statement matches, and denies what one denies", () => {
    assert.strictEqual(verdict(), "none")
    assert.strictEqual(verdict(allow({})), "allow")
    assert.strictEqual(verdict(allow({ Effect: "Deny" })), "deny")
    assert.strictEqual(verdict(allow({ Effect: "Deny" }), allow({})), "deny")
    assert.strictEqual(verdict(allow({ Effect: "Deny", Action: "iam:DetachUserPolicy" }), allow({})), "allow")
  })

  it.each([
    ["its action", { Action: "iam:AttachUserPolicy" }, true],
    ["its action in another case", { Action: "IAM:attachuserpolicy" }, true],
    ["its action by a wildcard", { Action: ["sts:*", "iam:Attach*Policy"] }, true],
    ["another action", { Action: "iam:AttachUserPolic" }, false],
    ["what is not this action", { NotAction: "iam:Attach*" }, false],
    ["what is not another action", { NotAction: ["sts:*"] }, true],
    ["its resource", { Resource: user }, true],
    ["its resource by wildcards", { Resource: "arn:aws:iam::*:user/*/alic?" }, true],
    ["its resource in another case", { Resource: user.toUpperCase() }, false],
    ["a resource without the path", { Resource: "arn:aws:iam::111111111111:user/alice" }, false],
    ["what is not this resource", { NotResource: user }, false],
    ["everybody", { Principal: { AWS: "*" } }, true],
    ["the caller's role", { Principal: { AWS: "arn:aws:iam::999999999999:role/worker" } }, true],
    ["the caller's account", { Principal: { AWS: "999999999999" } }, true],
    ["the caller's account by its root", { Principal: { AWS: "arn:aws:iam::999999999999:root" } }, true],
    ["another role", { Principal: { AWS: ["arn:aws:iam::999999999999:role/other", user] } }, false],
    ["another account", { Principal: { AWS: "111111111111" } }, false]
  ] as const)("matches by %s: %s", (_, parts, expected) => {
    assert.strictEqual(verdict(allow(parts)), expected ? "allow" : "none")
  })

  const key = "iam:PolicyARN"
  it.each([
    ["StringEquals", key, readOnly, true],
    ["StringEquals", key, "arn:aws:iam::aws:policy/*", false],
    ["StringEquals", "sts:ExternalId", readOnly, false],
    ["StringNotEquals", key, readOnly, false],
    ["StringNotEquals", "sts:ExternalId", readOnly, true],
    ["StringEqualsIgnoreCase", key, readOnly.toUpperCase(), true],
    ["StringLike", key, "arn:*ReadOnly??????", true],
    ["StringLike", key, "arn:*ReadOnly?", false],
    ["StringNotLike", key, "arn:*", false],
    ["ArnLike", key, "arn:*:iam::*:policy/Read*", true],
    ["ArnLike", key, "arn:*", false],
    ["ArnLike", key, "arn:aws:iam::aws:policy/readonlyaccess", false],
    ["ArnLike", "aws:SourceArn", "*", false],
    ["ArnEquals", key, readOnly, true],
    ["ArnNotLike", key, "arn:aws:iam::aws:policy/*", false],
    ["ArnNotEquals", "aws:SourceArn", readOnly, true],
    ["Null", key, "false", true],
    ["Null", key, "true", false],
    ["Null", "sts:ExternalId", "true", true]
  ] as const)("with %s of %s and %s: %s", (operator, name, value, expected) => {
    const holds = (values: string | ReadonlyArray<string>) =>
      verdict(allow({ Condition: { [operator]: { [name]: values } } })) === "allow"
    assert.strictEqual(holds(value), expected)
    assert.strictEqual(holds([value]), expected)
  })

  it("needs all of its conditions, and one of the values of each", () => {
    const condition = (...values: ReadonlyArray<string>) =>
      verdict(allow({ Condition: { StringEquals: { [key]: values }, ArnLike: { [key]: readOnly } } }))
    assert.strictEqual(condition("x", readOnly), "allow")
    assert.strictEqual(condition("x"), "none")
  })

  it.each([
    ["an operator that is not evaluated", { ...allow({}), Condition: { IpAddress: { "aws:SourceIp": "10.0.0.0/8" } } }],
    ["an element that is not evaluated", { ...allow({}), NotPrincipal: { AWS: "*" } }],
    ["a service as principal", { ...allow({}), Principal: { Service: "ec2.amazonaws.com" } }]
  ])("with %s is none", (_, statement) => {
    assert.isTrue(Option.isNone(decodePolicy(JSON.stringify({ Version: "2012-10-17", Statement: [statement] }))))
  })
})
