/** The two services and the API version that the SDK names in `Version`. */
export const services = {
  iam: { version: "2010-05-08", xmlns: "https://iam.amazonaws.com/doc/2010-05-08/" },
  sts: { version: "2011-06-15", xmlns: "https://sts.amazonaws.com/doc/2011-06-15/" }
} as const

export type Service = keyof typeof services

/** The operations this AWS knows. */
export const operationNames = [
  "AssumeRole",
  "GetCallerIdentity",
  "AttachUserPolicy",
  "DetachUserPolicy",
  "AttachRolePolicy",
  "DetachRolePolicy",
  "ListAttachedUserPolicies",
  "ListAttachedRolePolicies",
  "GetUser",
  "GetRole",
  "GetPolicy",
  "GetAccountSummary"
] as const

export type Operation = (typeof operationNames)[number]

/** What kind of principal an IAM operation is about. */
export const principalTypes = ["User", "Role"] as const
export type PrincipalType = (typeof principalTypes)[number]

interface StsOperation {
  readonly service: "sts"
  readonly name: "AssumeRole" | "GetCallerIdentity"
}

/** What the worker reads of an account before it changes anything there. */
export type LookUp = "GetUser" | "GetRole" | "GetPolicy" | "GetAccountSummary"

interface LookUpOperation {
  readonly service: "iam"
  readonly name: LookUp
  readonly verb: "lookUp"
}

interface IamOperation {
  readonly service: "iam"
  readonly name: Exclude<Operation, StsOperation["name"] | LookUp>
  readonly verb: "attach" | "detach" | "list"
  readonly principalType: PrincipalType
}

/** This AWS only says whether the caller may. */
interface UnperformedOperation {
  readonly service: "iam"
  readonly name: string
  readonly verb: "other"
}

export type OperationSpec = StsOperation | IamOperation | LookUpOperation | UnperformedOperation

/** What an attacker might try with the worker's keys. */
export const unperformed = [
  "AddUserToGroup",
  "AttachGroupPolicy",
  "CreateAccessKey",
  "CreateLoginProfile",
  "CreatePolicy",
  "CreatePolicyVersion",
  "CreateRole",
  "CreateUser",
  "DeleteRole",
  "DeleteRolePermissionsBoundary",
  "DeleteRolePolicy",
  "DeleteUserPermissionsBoundary",
  "PutRolePermissionsBoundary",
  "PutRolePolicy",
  "PutUserPermissionsBoundary",
  "PutUserPolicy",
  "SetDefaultPolicyVersion",
  "UpdateAssumeRolePolicy",
  "UpdateLoginProfile",
  "UpdateRole"
] as const

const specs: ReadonlyArray<OperationSpec> = [
  { service: "sts", name: "AssumeRole" },
  { service: "sts", name: "GetCallerIdentity" },
  { service: "iam", name: "AttachUserPolicy", verb: "attach", principalType: "User" },
  { service: "iam", name: "DetachUserPolicy", verb: "detach", principalType: "User" },
  { service: "iam", name: "AttachRolePolicy", verb: "attach", principalType: "Role" },
  { service: "iam", name: "DetachRolePolicy", verb: "detach", principalType: "Role" },
  { service: "iam", name: "ListAttachedUserPolicies", verb: "list", principalType: "User" },
  { service: "iam", name: "ListAttachedRolePolicies", verb: "list", principalType: "Role" },
  { service: "iam", name: "GetUser", verb: "lookUp" },
  { service: "iam", name: "GetRole", verb: "lookUp" },
  { service: "iam", name: "GetPolicy", verb: "lookUp" },
  { service: "iam", name: "GetAccountSummary", verb: "lookUp" },
  ...unperformed.map((name) => ({ service: "iam", name, verb: "other" }) as const)
]

const byName = new Map<string, OperationSpec>(specs.map((spec) => [spec.name, spec]))

/** The operation that `Action` and `Version` of a form body name, if this AWS knows it. */
export const findOperation = (action: string, version: string): OperationSpec | undefined => {
  const spec = byName.get(action)
  return spec !== undefined && services[spec.service].version === version ? spec : undefined
}

/** Attach and detach count against an account's write rate; lists and STS calls do not. */
export const isWrite = (spec: OperationSpec): boolean =>
  spec.service === "iam" && (spec.verb === "attach" || spec.verb === "detach")
