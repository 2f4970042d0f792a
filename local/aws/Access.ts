import { Option } from "effect"
import { parsePolicyArn } from "./Arns.ts"
import type { Call } from "./Call.ts"
import { callerArn, type Credential } from "./Credentials.ts"
import type { HandlerRole } from "./Declarations.ts"
import { type AwsFailure, failure } from "./Errors.ts"
import { principalTypes } from "./Operations.ts"
import { decodePolicy, evaluate } from "./Policy.ts"
import type { World } from "./World.ts"

/** Whether the caller's own policies let it make an IAM call; the failure that it gets if not. */
export const refuseIam = (world: World, call: Call): AwsFailure | undefined => {
  const policyArn = call.params.get("PolicyArn")
  const context = new Map(policyArn === null ? [] : [["iam:policyarn", spelled(world, call, policyArn)]])
  return refuse(world, call, `iam:${call.spec.name}`, iamResource(world, call), context)
}

/** Whether the caller's own policies and the role's trust let it assume the role. */
export const refuseAssuming = (
  world: World,
  call: Call,
  role: HandlerRole,
  roleArn: string
): AwsFailure | undefined => {
  const { credential, params, partition } = call
  const context = new Map(
    [
      ["sts:ExternalId", params.get("ExternalId")],
      ["sts:RoleSessionName", params.get("RoleSessionName")],
      ["sts:SourceIdentity", params.get("SourceIdentity")],
      ["aws:PrincipalArn", callers(credential, partition).at(-1)],
      ["aws:PrincipalAccount", credential.accountId],
      ["aws:PrincipalOrgID", credential.organizationId]
    ].flatMap(([key, value]) =>
      typeof key === "string" && typeof value === "string" ? [[key.toLowerCase(), value] as const] : []
    )
  )
  const actions = ["sts:AssumeRole", ...(params.has("SourceIdentity") ? ["sts:SetSourceIdentity"] : [])]
  for (const action of actions) {
    const own = credential.session === undefined ? undefined : refuse(world, call, action, roleArn, context)
    if (own !== undefined) return own
    const trusted =
      role.trustPolicy === undefined ||
      evaluate(role.trustPolicy, {
        callers: callers(credential, partition),
        action,
        resource: roleArn,
        context
      }) === "allow"
    if (!trusted) return denied(call, action, `on resource: ${roleArn}`)
  }
  return undefined
}

/** A session may do what its role's policy and its session policy both allow; without a policy, its role may do everything. */
const refuse = (
  world: World,
  call: Call,
  action: string,
  resource: string,
  context: ReadonlyMap<string, string>
): AwsFailure | undefined => {
  const { credential, partition } = call
  const { session } = credential
  const on = `on resource: ${action.startsWith("iam:") ? shown(resource) : resource}`
  // Long-lived keys of the worker's own account have no IAM permission anywhere: only a session of the target has.
  if (session === undefined)
    return denied(call, action, `${on} because no identity-based policy allows the ${action} action`)
  const role = world.findAccount(session.accountId)?.handlerRole
  if (role?.permissionPolicy === undefined || role.name !== session.roleName) return undefined
  const request = { callers: callers(credential, partition), action, resource, context }
  const policies = [
    ["identity-based", Option.some(role.permissionPolicy)],
    ["session", session.policy === undefined ? Option.none() : decodePolicy(session.policy)]
  ] as const
  for (const [kind, policy] of policies) {
    if (Option.isNone(policy)) continue
    const verdict = evaluate(policy.value, request)
    if (verdict === "deny") return denied(call, action, `${on} with an explicit deny in a ${kind} policy`)
    if (verdict === "none") return denied(call, action, `${on} because no ${kind} policy allows the ${action} action`)
  }
  return undefined
}

const denied = (call: Call, action: string, why: string): AwsFailure =>
  failure(
    "AccessDenied",
    `User: ${callerArn(call.credential, call.partition)} is not authorized to perform: ${action} ${why}`
  )

/** As IAM's messages name what they are about: `user alice`. */
const shown = (resource: string): string => resource.replace(/^arn:[\w-]+:iam::\d{12}:(user|role|group)\//, "$1 ")

/** A session is its role, too. */
const callers = (credential: Credential, partition: string): ReadonlyArray<string> => {
  const own = callerArn(credential, partition)
  return credential.session === undefined
    ? [own]
    : [own, `arn:${partition}:iam::${credential.accountId}:role/${credential.session.roleName}`]
}

/** The policy's ARN as IAM spells it. That AWS compares this one, and not what was sent, is a guess. */
const spelled = (world: World, call: Call, policyArn: string): string => {
  const [account, arn] = [world.findAccount(call.credential.accountId), parsePolicyArn(policyArn)]
  return (account !== undefined && arn !== undefined ? world.findPolicy(account, arn) : undefined) ?? policyArn
}

const iamResource = (world: World, { credential, params, partition }: Call): string => {
  const account = world.findAccount(credential.accountId)
  const arn = (resource: string) => `arn:${partition}:iam::${credential.accountId}:${resource}`
  for (const type of principalTypes) {
    const name = params.get(`${type}Name`)
    if (name === null) continue
    const known = account === undefined ? undefined : world.findPrincipal(account, type, name)?.name
    return arn(`${type.toLowerCase()}/${reservedPath(known ?? name)}${known ?? name}`)
  }
  const [policyArn, policyName, group] = ["PolicyArn", "PolicyName", "GroupName"].map((name) => params.get(name))
  if (policyArn !== null && policyArn !== undefined) return policyArn
  // GetAccountSummary is about nothing but the account, which a policy names as "*".
  if (policyName === null && group === null) return "*"
  return policyName === null ? arn(`group/${group}`) : arn(`policy/${policyName}`)
}

/** Principals have no path here, but for the roles that AWS makes, which have none without. */
const reservedPath = (name: string): string =>
  name.startsWith("AWSServiceRoleFor")
    ? "aws-service-role/service.amazonaws.com/"
    : name.startsWith("AWSReservedSSO_")
      ? "aws-reserved/sso.amazonaws.com/"
      : ""
