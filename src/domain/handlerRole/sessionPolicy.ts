import { handlerOperations } from "../handlerOperations.ts"
import { operationOf, type Partition, type PolicyChange } from "../PolicyChange.ts"
import { policyDocument, type PolicyDocument } from "./PolicyDocument.ts"

/** All that the worker ever does in a target account. */
export const workerActions = handlerOperations.map((operation) => `iam:${operation}`)

const actionsTo = (verb: "Attach" | "Detach" | "List") => workerActions.filter((it) => it.startsWith(`iam:${verb}`))
export const attachActions = actionsTo("Attach")
export const detachActions = actionsTo("Detach")
export const readActions = actionsTo("List")

/** What a session may do that the jobs of an account share, whatever its role may: constant, so that it can be shared. */
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
 * What the session of one job may do: its one change, and read it back. Jobs name principals without their path, so that under any path
 * is meant; ARNs in policies are told apart by case, names in IAM are not, so a job that spells its principal or policy otherwise than
 * IAM does is denied. At most 2,048 characters, as STS allows, however long the names are.
 */
export const jobSessionPolicy = (partition: Partition, change: PolicyChange): PolicyDocument => {
  const { accountId, policyArn, principal, principalType } = change
  const principals = `arn:${partition}:iam::${accountId}:${principalType.toLowerCase()}`
  const Resource = [`${principals}/${principal}`, `${principals}/*/${principal}`]
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
