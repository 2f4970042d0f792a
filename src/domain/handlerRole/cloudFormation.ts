import { Option, Record } from "effect"
import { maxSessionSeconds, permissionPolicy, trustPolicy } from "./HandlerRole.ts"
import { parameters, type Settings } from "./parameters.ts"

/** A CloudFormation template; JSON is one of its two languages. */
export const cloudFormation = (settings: Settings): string => {
  const role = {
    ...settings,
    partition: "${AWS::Partition}",
    trusted: "${TrustedPrincipal}",
    externalId: Option.some("${ExternalId}")
  }
  return JSON.stringify(
    {
      AWSTemplateFormatVersion: "2010-09-09",
      Description: "The role that the CSecBridge worker assumes in this account to attach and detach IAM policies",
      Parameters: {
        TrustedPrincipal: parameter(parameters.trusted, settings.trusted),
        ExternalId: parameter(parameters.externalId, settings.externalId)
      },
      Resources: {
        HandlerRole: {
          Type: "AWS::IAM::Role",
          Properties: {
            RoleName: role.name,
            MaxSessionDuration: maxSessionSeconds,
            AssumeRolePolicyDocument: intrinsic(trustPolicy(role)),
            Policies: [{ PolicyName: role.name, PolicyDocument: intrinsic(permissionPolicy(role)) }]
          }
        }
      },
      Outputs: { RoleArn: { Value: { "Fn::GetAtt": ["HandlerRole", "Arn"] } } }
    },
    null,
    2
  )
}

const parameter = (
  { description, pattern, violation }: (typeof parameters)[keyof typeof parameters],
  given: Option.Option<string>
) => ({
  Type: "String",
  Description: description,
  AllowedPattern: pattern,
  ConstraintDescription: `must be ${violation}`,
  ...(Option.isSome(given) && { Default: given.value })
})

/** The value with its `${…}` as CloudFormation replaces them. */
const intrinsic = (value: unknown): unknown => {
  if (typeof value === "string") {
    const [, alone] = /^\$\{([\w:]+)\}$/.exec(value) ?? []
    return alone === undefined ? (value.includes("${") ? { "Fn::Sub": value } : value) : { Ref: alone }
  }
  if (Array.isArray(value)) return value.map(intrinsic)
  return typeof value === "object" && value !== null ? Record.map({ ...value }, intrinsic) : value
}
