import { refuseIam } from "./Access.ts"
import { baseName, parsePolicyArn, pathOf } from "./Arns.ts"
import type { Call } from "./Call.ts"
import { failure } from "./Errors.ts"
import { findTarget, type IamResult, validate } from "./Iam.ts"
import type { LookUp, PrincipalType } from "./Operations.ts"
import { Validation } from "./Validation.ts"
import type { World } from "./World.ts"
import { escapeXml } from "./Xml.ts"

/** When everything was created: nothing here has a history. */
const created = "2024-01-01T00:00:00Z"

const element = (name: string, text: string): string => `      <${name}>${escapeXml(text)}</${name}>\n`

/** GetUser, GetRole, GetPolicy and GetAccountSummary, which change nothing. */
export const lookUp = (world: World, call: Call, name: LookUp): IamResult => {
  switch (name) {
    case "GetUser":
      return principal(world, call, "User")
    case "GetRole":
      return principal(world, call, "Role")
    case "GetPolicy":
      return policy(world, call)
    case "GetAccountSummary":
      return summary(world, call)
  }
}

/** Without a name, GetUser is about the caller; but only a user may leave it out, and sessions are none. */
const principal = (world: World, call: Call, type: PrincipalType): IamResult => {
  const invalid = validate(world, call, new Validation(call.params), type)
  if (invalid !== undefined) return invalid
  const target = findTarget(world, call, type)
  if ("code" in target) return target
  const { account } = target
  const { boundary, name } = target.principal
  const arn = `arn:${call.partition}:iam::${account.accountId}:${type.toLowerCase()}/${name}`
  const limits =
    boundary === undefined
      ? ""
      : `      <PermissionsBoundary>\n  ${element("PermissionsBoundaryType", "PermissionsBoundaryPolicy")}  ${element("PermissionsBoundaryArn", boundary)}      </PermissionsBoundary>\n`
  return {
    result: `    <${type}>\n${element("Path", "/")}${element(`${type}Name`, name)}${element(`${type}Id`, `ID${name}`)}${element("Arn", arn)}${element("CreateDate", created)}${limits}    </${type}>\n`
  }
}

const policy = (world: World, call: Call): IamResult => {
  const validation = new Validation(call.params)
  const text = validation.text("PolicyArn", { min: 20, max: 2048 })
  const invalid = validation.failure() ?? refuseIam(world, call)
  if (invalid !== undefined) return invalid
  const arn = parsePolicyArn(text)
  if (arn === undefined || arn.partition !== call.partition) return failure("InvalidInput", `ARN ${text} is not valid.`)
  const account = world.findAccount(call.credential.accountId)
  const found = account === undefined ? undefined : world.findPolicy(account, arn)
  if (found === undefined) return failure("NoSuchEntity", `Policy ${text} was not found.`)
  const pathAndName = parsePolicyArn(found)?.pathAndName ?? ""
  // AWS calls the policies of service-linked roles attachable, too, although it lets nobody attach them.
  return {
    result: `    <Policy>\n${element("PolicyName", baseName(found))}${element("PolicyId", `ID${baseName(found)}`)}${element("Arn", found)}${element("Path", pathOf(pathAndName))}${element("DefaultVersionId", "v1")}${element("IsAttachable", "true")}${element("CreateDate", created)}${element("UpdateDate", created)}    </Policy>\n`
  }
}

/** Of what AWS tells of an account, its quotas of attachments. */
const summary = (world: World, call: Call): IamResult => {
  const refusal = refuseIam(world, call)
  if (refusal !== undefined) return refusal
  const quota = String(world.findAccount(call.credential.accountId)?.attachmentQuota ?? 0)
  const entries = ["User", "Role"].map(
    (type) =>
      `      <entry>\n  ${element("key", `AttachedPoliciesPer${type}Quota`)}  ${element("value", quota)}      </entry>\n`
  )
  return { result: `    <SummaryMap>\n${entries.join("")}    </SummaryMap>\n` }
}
