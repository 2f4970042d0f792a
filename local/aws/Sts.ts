import { Option } from "effect"
import { refuseAssuming } from "./Access.ts"
import { parseRoleArn, type RoleArn } from "./Arns.ts"
import type { Call } from "./Call.ts"
import { callerArn, type Credential } from "./Credentials.ts"
import { type AwsFailure, failure } from "./Errors.ts"
import { decodePolicy } from "./Policy.ts"
import { Validation } from "./Validation.ts"
import type { HandlerRole } from "./Declarations.ts"
import type { World } from "./World.ts"
import { escapeXml } from "./Xml.ts"

/** The inside of the answer's `<…Result>`. */
export type StsResult = { readonly result: string } | AwsFailure

/** STS's limit for a session policy, in characters. */
const maxPolicyLength = 2048

const defaultDurationSeconds = 3600

/** The longest session that a session itself may start: role chaining. */
const maxChainedSeconds = 3600

/** GetCallerIdentity: who signed the call. It needs no permission. */
export const getCallerIdentity = (call: Call): StsResult => {
  const { credential } = call
  return {
    result:
      `    <Arn>${escapeXml(callerArn(credential, call.partition))}</Arn>\n` +
      `    <UserId>${escapeXml(credential.userId)}</UserId>\n    <Account>${credential.accountId}</Account>\n`
  }
}

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const checkPolicy = (policy: string | null): AwsFailure | undefined => {
  if (policy === null) return undefined
  if (policy.length > maxPolicyLength) {
    const percent = Math.ceil((policy.length / maxPolicyLength) * 100)
    return failure(
      "PackedPolicyTooLarge",
      `Packed policy consumes ${percent}% of allotted space, please use smaller policy.`
    )
  }
  if (!isJson(policy)) return failure("MalformedPolicyDocument")
  return Option.isSome(decodePolicy(policy))
    ? undefined
    : failure("MalformedPolicyDocument", "This policy has what this AWS does not evaluate")
}

const trusts = (role: HandlerRole, externalId: string | undefined): boolean =>
  role.trusted !== false && (role.externalId === undefined || role.externalId === externalId)

/** The role to assume. STS does not tell a role that is missing from one that does not trust the caller. */
const findRole = (world: World, call: Call, arn: RoleArn, externalId: string | undefined): HandlerRole | AwsFailure => {
  const account = world.findAccount(arn.accountId)
  const role = account === undefined ? undefined : world.findAssumable(account, arn.name)
  if (role !== undefined && trusts(role, externalId)) {
    const roleArn = `arn:${call.partition}:iam::${arn.accountId}:role/${role.name}`
    return refuseAssuming(world, call, role, roleArn) ?? role
  }
  const caller = callerArn(call.credential, call.partition)
  return failure(
    "AccessDenied",
    `User: ${caller} is not authorized to perform: sts:AssumeRole on resource: ${call.params.get("RoleArn")}`
  )
}

const checkDuration = (role: HandlerRole, chained: boolean, seconds: number): AwsFailure | undefined => {
  if (chained && seconds > maxChainedSeconds) {
    return failure(
      "ValidationError",
      "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
    )
  }
  return seconds > (role.maxSessionSeconds ?? defaultDurationSeconds)
    ? failure("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    : undefined
}

const assumeRoleXml = (
  session: Credential & { readonly sessionToken: string },
  partition: string,
  policy: string | null
): string =>
  `    <AssumedRoleUser>\n      <AssumedRoleId>${escapeXml(session.userId)}</AssumedRoleId>\n` +
  `      <Arn>${escapeXml(callerArn(session, partition))}</Arn>\n    </AssumedRoleUser>\n` +
  `    <Credentials>\n      <AccessKeyId>${session.accessKeyId}</AccessKeyId>\n` +
  `      <SecretAccessKey>${session.secretAccessKey}</SecretAccessKey>\n` +
  `      <SessionToken>${session.sessionToken}</SessionToken>\n` +
  `      <Expiration>${new Date(session.expiresAt).toISOString().replace(/\.\d+/, "")}</Expiration>\n    </Credentials>\n` +
  (session.session?.sourceIdentity === undefined
    ? ""
    : `    <SourceIdentity>${escapeXml(session.session.sourceIdentity)}</SourceIdentity>\n`) +
  (policy === null
    ? ""
    : `    <PackedPolicySize>${Math.ceil((policy.length / maxPolicyLength) * 100)}</PackedPolicySize>\n`)

/** AssumeRole: validated, trusted, then a session with keys of its own. */
export const assumeRole = (world: World, call: Call): StsResult => {
  const { credential, params } = call
  const validation = new Validation(params)
  const roleArn = validation.text("RoleArn", { min: 20, max: 2048 })
  const roleSessionName = validation.text("RoleSessionName", { min: 2, max: 64, pattern: String.raw`[\w+=,.@-]*` })
  const durationSeconds = validation.integer("DurationSeconds", 900, 43_200, defaultDurationSeconds)
  const sourceIdentity = validation.text("SourceIdentity", {
    min: 2,
    max: 64,
    pattern: String.raw`[\w+=,.@-]*`,
    optional: true
  })
  validation.text("ExternalId", { min: 2, max: 1224, pattern: String.raw`[\w+=,.@:\/-]*`, optional: true })
  const invalid = validation.failure()
  if (invalid !== undefined) return invalid
  const arn = parseRoleArn(roleArn)
  if (arn === undefined || arn.partition !== call.partition) return failure("ValidationError", `${roleArn} is invalid`)
  const policy = params.get("Policy")
  const badPolicy = checkPolicy(policy)
  if (badPolicy !== undefined) return badPolicy

  const externalId = params.get("ExternalId") ?? undefined
  const role = findRole(world, call, arn, externalId)
  if ("code" in role) return role
  const tooLong = checkDuration(role, credential.session !== undefined, durationSeconds)
  if (tooLong !== undefined) return tooLong
  const session = world.credentials.issue({
    accountId: arn.accountId,
    roleName: role.name,
    roleSessionName,
    externalId,
    sourceIdentity: sourceIdentity === "" ? undefined : sourceIdentity,
    policy: policy ?? undefined,
    durationSeconds,
    // STS answers whole seconds, and means them.
    expiresAt: Math.floor(call.now / 1000 + durationSeconds) * 1000
  })
  return { result: assumeRoleXml(session, call.partition, policy) }
}
