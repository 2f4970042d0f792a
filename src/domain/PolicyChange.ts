import type { Job } from "./Job.ts"

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html */
export type Partition = "aws" | "aws-cn" | "aws-us-gov"

/** Attach one policy to, or detach it from, one principal of one account. */
export interface PolicyChange {
  /** The request that asks for it. */
  readonly correlationId: string
  readonly accountId: string
  readonly principalType: Job["principal_type"]
  readonly principal: string
  readonly action: Job["action"]
  readonly policyArn: string
}

/** A user or role of one account. */
export type Principal = Pick<PolicyChange, "accountId" | "principalType" | "principal">

/** Safe only for checked values: an account, and a policy's name with its path. */
export const policyArnOf = (
  partition: Partition,
  {
    accountId,
    entitlement,
    entitlementType
  }: {
    readonly accountId: string
    readonly entitlement: string
    readonly entitlementType: Job["entitlement_type"]
  }
): string => `arn:${partition}:iam::${entitlementType === "default" ? "aws" : accountId}:policy/${entitlement}`

/** The change that a job asks for. Safe to build ARNs from: every part of a `Job` was checked on decoding. */
export const policyChange = (partition: Partition, job: Job): PolicyChange => ({
  correlationId: job.correlation_id,
  accountId: job.account_id,
  principalType: job.principal_type,
  principal: job.principal,
  action: job.action,
  policyArn: policyArnOf(partition, {
    accountId: job.account_id,
    entitlement: job.entitlement,
    entitlementType: job.entitlement_type
  })
})

/**
 * Whether an attached policy is the one that the change is about. Names are unique regardless of case and path
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html), so a `remove` that leaves out the path must not
 * take its policy for detached while it is attached.
 */
export const isSamePolicy = (change: Pick<PolicyChange, "action" | "policyArn">, attachedArn: string): boolean => {
  const [attached, asked] = [attachedArn.toLowerCase(), change.policyArn.toLowerCase()]
  return attached === asked || (change.action === "remove" && withoutPath(attached) === withoutPath(asked))
}

/** A policy's ARN without the path. */
const withoutPath = (arn: string): string => arn.replace(/:policy\/.*\//, ":policy/")

/** The IAM operation that carries a change out. */
export const operationOf = ({ action, principalType }: PolicyChange) =>
  `${action === "add" ? "Attach" : "Detach"}${principalType}Policy` as const

/** The partition that a region belongs to, from the region's prefix. */
export const partitionOf = (region: string): Partition =>
  region.startsWith("cn-") ? "aws-cn" : region.startsWith("us-gov-") ? "aws-us-gov" : "aws"

/** ARN of the role that the worker assumes in a target account. */
export const handlerRoleArn = (partition: Partition, accountId: string, roleName: string): string =>
  `arn:${partition}:iam::${accountId}:role/${roleName}`
