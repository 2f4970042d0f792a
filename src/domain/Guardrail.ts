import { Option, RegExp as Re, Result, Schema } from "effect"
import type { Partition, PolicyChange } from "./PolicyChange.ts"

/** A guardrail forbids attaching the policy, or attaching any policy to the principal. AWS was not called. */
export class PolicyForbidden extends Schema.TaggedError<PolicyForbidden>()("PolicyForbidden", {
  message: Schema.String
}) {
  readonly code = "PolicyForbidden"
  readonly kind = "permanent"
}

/** ARN patterns (`POLICY_DENY`, `POLICY_ALLOW`), in which `*` stands for any run of characters. */
export interface PolicyRules {
  readonly deny: ReadonlyArray<string>
  /** None: everything that is not denied may be attached. */
  readonly allow: Option.Option<ReadonlyArray<string>>
}

/**
 * Whether a policy may be attached. Deny patterns ignore case, since IAM's names are unique regardless of case; allow patterns
 * match exactly. So both forbid when in doubt.
 */
export const checkPolicy = (rules: PolicyRules, arn: string): Result.Result<void, PolicyForbidden> => {
  const denied = rules.deny.find((pattern) => matches(pattern, arn, "i"))
  if (denied !== undefined) {
    return Result.fail(new PolicyForbidden({ message: `${arn} matches ${denied} of POLICY_DENY` }))
  }
  if (rules.allow._tag === "Some" && !rules.allow.value.some((pattern) => matches(pattern, arn, ""))) {
    return Result.fail(new PolicyForbidden({ message: `${arn} matches nothing in POLICY_ALLOW` }))
  }
  return Result.void
}

/**
 * Whether policies may be attached to a principal, by its ARN (`PRINCIPAL_DENY`). A job names the principal without its path, so the ARN has
 * none; but the roles that AWS creates, which are recognized by their names, are denied under their path as well.
 */
export const checkPrincipal = (
  deny: ReadonlyArray<string>,
  partition: Partition,
  { accountId, principal, principalType }: PolicyChange
): Result.Result<void, PolicyForbidden> => {
  const path = principalType === "Role" ? reservedPath(principal) : ""
  for (const name of new Set([principal, `${path}${principal}`])) {
    const arn = `arn:${partition}:iam::${accountId}:${principalType.toLowerCase()}/${name}`
    const denied = deny.find((pattern) => matches(pattern, arn, "i"))
    if (denied !== undefined) {
      return Result.fail(new PolicyForbidden({ message: `${arn} matches ${denied} of PRINCIPAL_DENY` }))
    }
  }
  return Result.void
}

/** The default of `PRINCIPAL_DENY`: the handler role, and the roles that AWS lets nobody modify. */
export const protectedPrincipals = (handlerRole: string): ReadonlyArray<string> =>
  [handlerRole, `${serviceRoles}*`, `${reservedRoles}*`].map((role) => `arn:*:iam::*:role/${role}`)

/** Followed by the service. https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html */
const serviceRoles = "aws-service-role/"

/** https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html */
const reservedRoles = "aws-reserved/"

const reservedPath = (role: string): string =>
  /^AWSServiceRoleFor/i.test(role)
    ? serviceRoles
    : /^AWSReservedSSO_/i.test(role)
      ? `${reservedRoles}sso.amazonaws.com/`
      : ""

/**
 * Whether a pattern can match any managed policy of the partition, judged by what comes before its first `*`; a pattern without `*` has
 * to be the ARN of one. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns
 */
export const canMatchPolicy = (pattern: string, partition: Partition): boolean => {
  const [start = ""] = pattern.split("*", 1)
  if (start === pattern) return isPolicyArn(pattern, partition)
  const account = /^arn:[^:]*:iam::(\d{1,12})/.exec(start)?.[1] ?? ""
  return ["aws", account.padEnd(12, "0")]
    .map((owner) => `arn:${partition}:iam::${owner}:policy/`)
    .some((arn) => arn.startsWith(start) || start.startsWith(arn))
}

const isPolicyArn = (arn: string, partition: Partition): boolean =>
  new RegExp(`^arn:${partition}:iam::(?:aws|\\d{12}):policy/[\\w+=,.@/-]+$`).test(arn)

/** A policy that the rules allow to be attached: the first that they name, or else one that only reads. */
export const samplePolicy = (partition: Partition, rules: Option.Option<PolicyRules>): string => {
  const named = Option.match(rules, {
    onNone: () => [],
    onSome: (known) =>
      Option.getOrElse(known.allow, (): ReadonlyArray<string> => [])
        .map((pattern) => pattern.replaceAll("*", "X"))
        .filter((arn) => isPolicyArn(arn, partition) && Result.isSuccess(checkPolicy(known, arn)))
  })
  return named[0] ?? `arn:${partition}:iam::aws:policy/ReadOnlyAccess`
}

const matches = (pattern: string, arn: string, flags: "i" | ""): boolean =>
  new RegExp(`^${pattern.split("*").map(Re.escape).join(".*")}$`, flags).test(arn)
