import { Option } from "effect"
import { PrincipalType } from "../Job.ts"
import { policyDocument, type PolicyDocument } from "./PolicyDocument.ts"
import { attachActions, detachActions, readActions, workerActions } from "./sessionPolicy.ts"

/** What the policies of the handler role follow from. A template has its own parameters, such as `${ExternalId}`, in place of some texts. */
export interface HandlerRole {
  readonly partition: string
  readonly name: string
  /** ARN of the user or role that the worker is. */
  readonly trusted: string
  readonly externalId: Option.Option<string>
  /** Such as `o-a1b2c3d4e5`: the organization that the worker's account has to belong to. */
  readonly organizationId: Option.Option<string>
  /** `job`: each job has its own session, named after its correlation id. */
  readonly sessionScope: "account" | "job"
  /** RoleSessionName of the sessions that jobs share. */
  readonly sessionName: string
  /** Whether sessions carry a SourceIdentity; then none may be without. */
  readonly sourceIdentity: boolean
  /** ARN patterns of the policies that may be attached; none: whatever is not forbidden. */
  readonly allow: Option.Option<ReadonlyArray<string>>
  /** ARN patterns of more policies that may not be attached. */
  readonly deny: ReadonlyArray<string>
}

/** Seconds: the longest that a session may last that was started from another session. */
export const maxSessionSeconds = 3_600

/** Managed policies with which one can give oneself all others. */
const almighty = ["AdministratorAccess", "IAMFullAccess", "PowerUserAccess"]

/** Any UUID, as StringLike says it. */
const anyUuid = "????????-????-????-????-????????????"

/** Who may assume the role, and how. At most 2,048 characters: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
export const trustPolicy = (role: HandlerRole): PolicyDocument => {
  const Principal = { AWS: role.trusted }
  const equal = {
    ...Option.match(role.externalId, { onNone: () => ({}), onSome: (id) => ({ "sts:ExternalId": id }) }),
    ...Option.match(role.organizationId, { onNone: () => ({}), onSome: (id) => ({ "aws:PrincipalOrgID": id }) })
  }
  const sourceIdentity = role.sourceIdentity && {
    "sts:SourceIdentity": role.sessionScope === "job" ? anyUuid : "*"
  }
  return policyDocument(
    {
      Sid: "Worker",
      Effect: "Allow",
      Principal,
      Action: "sts:AssumeRole",
      Condition: {
        ...(Object.keys(equal).length > 0 && { StringEquals: equal }),
        StringLike: {
          "sts:RoleSessionName": role.sessionScope === "job" ? anyUuid : role.sessionName,
          ...sourceIdentity
        }
      }
    },
    ...(sourceIdentity === false
      ? []
      : [
          {
            Sid: "SourceIdentity",
            Effect: "Allow",
            Principal,
            Action: "sts:SetSourceIdentity",
            Condition: { StringLike: sourceIdentity }
          } as const
        ])
  )
}

/**
 * What the role may do. No detach is denied because of its policy, since revoking must always work; but the role may touch neither itself,
 * nor the worker, nor the roles that AWS reserves. At most 10,240 characters, as an inline policy.
 */
export const permissionPolicy = ({ allow, deny, name, partition, trusted }: HandlerRole): PolicyDocument => {
  const iam = `arn:${partition}:iam::`
  const principals = PrincipalType.literals.map((type) => `${iam}*:${type.toLowerCase()}/*`)
  return policyDocument(
    {
      Sid: "Attach",
      Effect: "Allow",
      Action: attachActions,
      Resource: principals,
      Condition: { ArnLike: { "iam:PolicyARN": Option.getOrElse(allow, () => [`${iam}*:policy/*`]) } }
    },
    { Sid: "Detach", Effect: "Allow", Action: detachActions, Resource: principals },
    { Sid: "ReadBack", Effect: "Allow", Action: readActions, Resource: principals },
    {
      Sid: "NeverAttach",
      Effect: "Deny",
      Action: attachActions,
      Resource: "*",
      Condition: { ArnLike: { "iam:PolicyARN": [...almighty.map((policy) => `${iam}aws:policy/${policy}`), ...deny] } }
    },
    {
      Sid: "NeverTouch",
      Effect: "Deny",
      Action: [...attachActions, ...detachActions],
      Resource: [trusted, `${iam}*:role/${name}`, `${iam}*:role/aws-service-role/*`, `${iam}*:role/aws-reserved/*`]
    },
    // Whatever else is attached to the role later: no new version of a policy, no PassRole, no other role, no access key.
    { Sid: "NothingElse", Effect: "Deny", NotAction: workerActions, Resource: "*" }
  )
}

/**
 * A pattern of `POLICY_DENY` or `POLICY_ALLOW` as ArnLike takes it, which compares an ARN's six parts one by one. None for a pattern with only
 * some of the colons, whose `*` would have to match the others.
 */
export const arnLike = (pattern: string): Option.Option<string> => {
  const colons = pattern.split(":").length - 1
  return colons === 5 ? Option.some(pattern) : colons === 0 ? Option.some(`arn:*:iam::*:${pattern}`) : Option.none()
}
