import type { Option } from "effect"
import { RegExp as Re, Result, Schema } from "effect"

/** A guardrail forbids to attach the policy. AWS was not called. */
export class PolicyForbidden extends Schema.TaggedError<PolicyForbidden>()("PolicyForbidden", {
  message: Schema.String
}) {
  readonly code = "PolicyForbidden"
  readonly kind = "permanent"
}

/** ARN patterns, in which `*` stands for any run of characters (contract §2: `POLICY_DENY`, `POLICY_ALLOW`). */
export interface PolicyRules {
  readonly deny: ReadonlyArray<string>
  /** None: everything that is not denied may be attached. */
  readonly allow: Option.Option<ReadonlyArray<string>>
}

/**
 * Whether a policy may be attached. Deny patterns match without regard to case, as names in IAM are unique without regard
 * to it; allow patterns match exactly: in doubt, both forbid.
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

const matches = (pattern: string, arn: string, flags: "i" | ""): boolean =>
  new RegExp(`^${pattern.split("*").map(Re.escape).join(".*")}$`, flags).test(arn)
