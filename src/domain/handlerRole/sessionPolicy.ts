import { handlerOperations } from "../handlerOperations.ts"
import { operationOf, type Partition, type PolicyChange } from "../PolicyChange.ts"
import { policyDocument, type PolicyDocument } from "./PolicyDocument.ts"

/** All that the worker ever does in a target account. */
export const workerActions = handlerOperations.map((operation) => `iam:${operation}`)

const actionsTo = (verb: "Attach" | "Detach" | "List") => workerActions.filter((it) => it.startsWith(`iam:${verb}`))
export const attachActions = actionsTo("Attach")
export const detachActions = actionsTo("Detach")
export const readActions = actionsTo("List")

/** What a session may do that the jobs of an account share, whatever its role may do. Constant, so that it can be shared. */
export const accountSessionPolicy: PolicyDocument = policyDocument({
  Sid: "Worker",
  Effect: "Allow",
  Action: workerActions,
  Resource: "*"
})

/** What a session may do that only reads. */
export const readingSessionPolicy: PolicyDocument = policyDocument({
  Sid: "Read",
  Effect: "Allow",
  Action: readActions,
  Resource: "*"
})

/**
 * What the session of one job may do: its one change, and read it back. Jobs name principals without their path, so any path is
 * allowed. ARNs in policies are case-sensitive and names in IAM are not, so a job that spells its principal or policy differently from
 * IAM is denied. At most 2,048 characters, as STS allows, however long the names are.
 */
export const jobSessionPolicy = (partition: Partition, change: PolicyChange): PolicyDocument => {
  const { policyArn, principalType } = change
  const Resource = principalArns(partition, change)
  return policyDocument(
    {
      Sid: "Change",
      Effect: "Allow",
      Action: `iam:${operationOf(change)}`,
      Resource,
      Condition: { ArnEquals: { "iam:PolicyARN": policyArn } }
    },
    { Sid: "ReadBack", Effect: "Allow", Action: `iam:ListAttached${principalType}Policies`, Resource }
  )
}

/** Prefix of the names of users and roles that do not exist, on which calls are tried. */
export const nobody = "missing-"

/**
 * What a preflight's session may do: read, and try the change on a principal that does not exist. Where each job has a session of its
 * own, the principal is read under the names that the job's session would allow, so that the preflight is denied what the job would be. A session
 * policy grants nothing by itself (https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session). At most 2,048
 * characters, however long the names are.
 */
export const preflightSessionPolicy = (
  partition: Partition,
  change: PolicyChange,
  sessionScope: "account" | "job"
): PolicyDocument => {
  const { principalType } = change
  return policyDocument(
    {
      Sid: "Try",
      Effect: "Allow",
      Action: `iam:${operationOf(change)}`,
      Resource: `${principalsOf(partition, change)}/${nobody}*`
    },
    {
      Sid: "Principal",
      Effect: "Allow",
      Action: [`iam:ListAttached${principalType}Policies`, `iam:Get${principalType}`],
      Resource: sessionScope === "job" ? principalArns(partition, change) : "*"
    },
    { Sid: "Account", Effect: "Allow", Action: ["iam:GetPolicy", "iam:GetAccountSummary"], Resource: "*" }
  )
}

const principalsOf = (partition: Partition, { accountId, principalType }: PolicyChange) =>
  `arn:${partition}:iam::${accountId}:${principalType.toLowerCase()}`

const principalArns = (partition: Partition, change: PolicyChange) => {
  const principals = principalsOf(partition, change)
  return [`${principals}/${change.principal}`, `${principals}/*/${change.principal}`]
}
