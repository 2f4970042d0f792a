import { refuseIam } from "./Access.ts"
import { baseName, parsePolicyArn, pathOf } from "./Arns.ts"
import type { Call } from "./Call.ts"
import { type AwsFailure, failure } from "./Errors.ts"
import type { PrincipalType } from "./Operations.ts"
import { Validation } from "./Validation.ts"
import { type Account, isAttachable, type Principal, type World } from "./World.ts"
import { escapeXml } from "./Xml.ts"

/** The inside of the answer's `<…Result>`; undefined for the operations that answer without one. */
export type IamResult = { readonly result: string | undefined } | AwsFailure

interface Target {
  readonly account: Account
  readonly principal: Principal
}

const nameForm = /^[\w+=,.@-]*$/

/** Checks what AWS checks before it looks anything up. */
export const validate = (
  world: World,
  call: Call,
  validation: Validation,
  type: PrincipalType
): AwsFailure | undefined => {
  const name = validation.text(`${type}Name`, { min: 1, max: 64 })
  const failed = validation.failure()
  if (failed !== undefined) return failed
  if (!nameForm.test(name)) {
    return failure(
      "ValidationError",
      `The specified value for ${type.toLowerCase()}Name is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-`
    )
  }
  return refuseIam(world, call)
}

export const findTarget = (world: World, call: Call, type: PrincipalType): Target | AwsFailure => {
  const name = call.params.get(`${type}Name`) ?? ""
  const account = world.findAccount(call.credential.accountId)
  const principal = account === undefined ? undefined : world.findPrincipal(account, type, name)
  return account === undefined || principal === undefined
    ? failure("NoSuchEntity", `The ${type.toLowerCase()} with name ${name} cannot be found.`)
    : { account, principal }
}

const readOnlyRole = (principal: Principal): AwsFailure | undefined =>
  principal.type === "Role" && principal.name.startsWith("AWSServiceRoleFor")
    ? failure(
        "UnmodifiableEntity",
        `Cannot perform the operation on the protected role '${principal.name}' - this role is only modifiable by AWS`
      )
    : undefined

/** Attach{User,Role}Policy and Detach{User,Role}Policy. */
export const change = (world: World, call: Call, verb: "attach" | "detach", type: PrincipalType): IamResult => {
  const validation = new Validation(call.params)
  const text = validation.text("PolicyArn", { min: 20, max: 2048 })
  const invalid = validate(world, call, validation, type)
  if (invalid !== undefined) return invalid
  const arn = parsePolicyArn(text)
  if (arn === undefined || arn.partition !== call.partition) return failure("InvalidInput", `ARN ${text} is not valid.`)
  const target = findTarget(world, call, type)
  if ("code" in target) return target
  const { account, principal } = target
  const protectedRole = readOnlyRole(principal)
  if (protectedRole !== undefined) return protectedRole
  const key = text.toLowerCase()

  if (verb === "detach") {
    return principal.attachments.delete(key)
      ? { result: undefined }
      : failure("NoSuchEntity", `Policy ${text} was not found.`)
  }
  const policyArn = world.findPolicy(account, arn)
  if (policyArn === undefined) {
    return failure("NoSuchEntity", `Policy ${text} does not exist or is not attachable.`)
  }
  if (!isAttachable(policyArn)) return failure("PolicyNotAttachable")
  if (principal.attachments.has(key)) return { result: undefined }
  if (principal.attachments.size >= account.attachmentQuota) {
    return failure("LimitExceeded", `Cannot exceed quota for PoliciesPer${type}: ${account.attachmentQuota}`)
  }
  principal.attachments.set(key, policyArn)
  return { result: undefined }
}

/** ListAttached{User,Role}Policies: sorted by ARN, so that a marker stays good when something is detached meanwhile. */
export const list = (world: World, call: Call, type: PrincipalType): IamResult => {
  const validation = new Validation(call.params)
  const maxItems = validation.integer("MaxItems", 1, 1000, 100)
  const prefix = validation.text("PathPrefix", { min: 1, max: 512, pattern: String.raw`/|/[!-~]+/`, optional: true })
  const marker = validation.text("Marker", { min: 1, max: 320, optional: true })
  const invalid = validate(world, call, validation, type)
  if (invalid !== undefined) return invalid
  const after = Buffer.from(marker, "base64url").toString()
  if (after !== "" && parsePolicyArn(after) === undefined) return failure("ValidationError", "Invalid Marker.")
  const target = findTarget(world, call, type)
  if ("code" in target) return target

  const rest = Array.from(target.principal.attachments.values())
    .filter((arn) => arn > after && pathOf(parsePolicyArn(arn)?.pathAndName ?? "").startsWith(prefix))
    .toSorted()
  const page = rest.slice(0, maxItems)
  let members = ""
  for (const arn of page) {
    members += `      <member>\n        <PolicyName>${escapeXml(baseName(arn))}</PolicyName>\n        <PolicyArn>${escapeXml(arn)}</PolicyArn>\n      </member>\n`
  }
  const truncated = rest.length > page.length
  const last = page.at(-1) ?? ""
  const markerXml = truncated ? `    <Marker>${Buffer.from(last).toString("base64url")}</Marker>\n` : ""
  const policies =
    members === "" ? "    <AttachedPolicies/>\n" : `    <AttachedPolicies>\n${members}    </AttachedPolicies>\n`
  return { result: `${policies}    <IsTruncated>${truncated}</IsTruncated>\n${markerXml}` }
}

/** Any other operation: authorized, and then not carried out. */
export const other = (world: World, call: Call): IamResult =>
  refuseIam(world, call) ?? failure("InvalidAction", `${call.spec.name} is allowed, but this AWS does not carry it out`)
