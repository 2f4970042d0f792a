/** The partition that a signing region belongs to. */
export const partitionOf = (region: string): string =>
  region.startsWith("cn-") ? "aws-cn" : region.startsWith("us-gov-") ? "aws-us-gov" : "aws"

/** A managed policy's ARN, taken apart. */
export interface PolicyArn {
  readonly partition: string
  /** `aws` for the policies that AWS manages, else the account that owns it. */
  readonly owner: string
  /** Path and name as in an entitlement: `ReadOnlyAccess`, `service-role/AWSLambdaBasicExecutionRole`. */
  readonly pathAndName: string
}

const policyArn = /^arn:(aws|aws-cn|aws-us-gov):iam::(aws|\d{12}):policy\/((?:[!-~]+\/)?[\w+=,.@-]{1,128})$/

/** Parses the ARN of a managed policy. Undefined when it is none. */
export const parsePolicyArn = (arn: string): PolicyArn | undefined => {
  const [, partition, owner, pathAndName] = policyArn.exec(arn) ?? []
  return partition === undefined || owner === undefined || pathAndName === undefined
    ? undefined
    : { partition, owner, pathAndName }
}

export const formatPolicyArn = (arn: PolicyArn): string =>
  `arn:${arn.partition}:iam::${arn.owner}:policy/${arn.pathAndName}`

/** A role's ARN, taken apart. */
export interface RoleArn {
  readonly partition: string
  readonly accountId: string
  /** The name without its path. */
  readonly name: string
}

const roleArn = /^arn:(aws|aws-cn|aws-us-gov):iam::(\d{12}):role\/(?:[!-~]+\/)?([\w+=,.@-]{1,64})$/

/** Parses the ARN of a role. Undefined when it is none. */
export const parseRoleArn = (arn: string): RoleArn | undefined => {
  const [, partition, accountId, name] = roleArn.exec(arn) ?? []
  return partition === undefined || accountId === undefined || name === undefined
    ? undefined
    : { partition, accountId, name }
}

/** The last part of `path/name`. */
export const baseName = (pathAndName: string): string => pathAndName.slice(pathAndName.lastIndexOf("/") + 1)

/** The path as IAM writes it: `/` or `/service-role/`. */
export const pathOf = (pathAndName: string): string => `/${pathAndName.slice(0, pathAndName.lastIndexOf("/") + 1)}`
