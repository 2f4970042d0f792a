import { Schema } from "effect"
import { principalTypes } from "./Operations.ts"
import { Policy } from "./Policy.ts"

const AccountId = Schema.String.check(Schema.isPattern(/^\d{12}$/, { message: "Expected an account id: 12 digits" }))
const PrincipalName = Schema.String.check(
  Schema.isPattern(/^[\w+=,.@-]{1,64}$/, { message: "Expected an IAM name: 1 to 64 of letters, digits and _+=,.@-" })
)
const PolicyName = Schema.String.check(
  Schema.isPattern(/^([!-~]+\/)?[\w+=,.@-]{1,128}$/, { message: "Expected a policy name, with its path if it has one" })
)
const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

/** Long-lived keys of an IAM user: what a worker is started with. */
export const MasterCredentials = Schema.Struct({
  accessKeyId: Schema.NonEmptyString,
  secretAccessKey: Schema.NonEmptyString,
  /** The account that owns the user. */
  accountId: AccountId,
  userName: PrincipalName,
  /** The organization that the account belongs to, if any. */
  organizationId: Schema.optionalKey(Schema.String)
})

export type MasterCredentials = typeof MasterCredentials.Type

/** The role that the worker assumes in a target account. */
export const HandlerRole = Schema.Struct({
  name: PrincipalName,
  /** Whether its trust policy lets the caller in. Default true. */
  trusted: Schema.optionalKey(Schema.Boolean),
  /** The `sts:ExternalId` its trust policy asks for. Absent: none is asked for, and any is accepted. */
  externalId: Schema.optionalKey(Schema.String),
  /** Who may assume it, evaluated as AWS does. Absent: as `trusted` and `externalId` say. */
  trustPolicy: Schema.optionalKey(Policy),
  /** What its sessions may do, evaluated as AWS does, together with their session policies. Absent: everything. */
  permissionPolicy: Schema.optionalKey(Policy),
  /** The role's MaxSessionDuration, in seconds. Default 3600, as in AWS. */
  maxSessionSeconds: Schema.optionalKey(Count)
})

export type HandlerRole = typeof HandlerRole.Type

/** A target account. */
export const AccountDeclaration = Schema.Struct({
  /** 12 digits. */
  accountId: AccountId,
  /** Absent: nothing can be assumed there, unless the world is open. */
  handlerRole: Schema.optionalKey(HandlerRole),
  users: Schema.optionalKey(Schema.Array(PrincipalName)),
  roles: Schema.optionalKey(Schema.Array(PrincipalName)),
  /** Customer managed policies, with their path if they have one: `Auditors`, `team/Auditors`. */
  policies: Schema.optionalKey(Schema.Array(PolicyName)),
  /** How many managed policies a principal may have. Default 10, as in AWS. */
  attachmentQuota: Schema.optionalKey(Count)
})

export type AccountDeclaration = typeof AccountDeclaration.Type

/** A policy that is attached from the start, whatever the quota. */
export const Attachment = Schema.Struct({
  accountId: AccountId,
  principalType: Schema.Literals(principalTypes),
  principal: PrincipalName,
  policyArn: Schema.NonEmptyString
})

/** What `POST /_local/world` takes. */
export const WorldDeclaration = Schema.Struct({
  masters: Schema.optionalKey(Schema.Array(MasterCredentials)),
  accounts: Schema.optionalKey(Schema.Array(AccountDeclaration)),
  attachments: Schema.optionalKey(Schema.Array(Attachment))
})

export type WorldDeclaration = typeof WorldDeclaration.Type
