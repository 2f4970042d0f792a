import { Array, Option, Schema } from "effect"
import { expected, type Expected, propagation } from "./Access.ts"
import { AccountId, AnyCasePrincipalType, EntitlementType, PolicyName, PrincipalName } from "./Job.ts"
import type { KeyRecord } from "./KeyRecord.ts"
import { isSamePolicy, type Partition, policyArnOf } from "./PolicyChange.ts"

/** A policy, and a user or role to which it may be attached. Every part is checked: safe to build ARNs from. */
const Attachment = Schema.Struct({
  accountId: AccountId,
  principalType: AnyCasePrincipalType,
  principal: PrincipalName,
  entitlementType: EntitlementType,
  entitlement: PolicyName
})
export type Attachment = typeof Attachment.Type

/** Why nothing can be said about an attachment. */
export type NotJudged =
  /** A request for it is unfinished, or took effect so recently that IAM may not show it yet. */
  | "under way"
  /** A request is in doubt, or somebody else attached it first. */
  | "undecided"
  /** The rows do not say what kind of principal or policy they are about. */
  | "untyped"
  /** Requests name the policy in several ways, by case or path; or the user or role, by case. */
  | "ambiguous"
  /** No job can have been about what the row names. */
  | "malformed"

export interface Judged {
  readonly attachment: Attachment
  readonly record: KeyRecord
  readonly expected: Exclude<Expected, "unknown">
}

/** An attachment that is not as the records say. */
export interface Discrepancy {
  /** `missing`: should be attached, but is not. `unexpected`: should be detached, but is attached. `ended`: still attached after its grant's time. */
  readonly kind: "missing" | "unexpected" | "ended"
  readonly attachment: Attachment
  readonly record: KeyRecord
  /** Whether IAM knows the user or role. */
  readonly principalExists: boolean
}

const decode = Schema.decodeUnknownOption(Attachment)

/** A policy's name without path and case, which do not tell policies apart. */
export const bareName = (entitlement: string) => entitlement.replace(/^.*\//, "").toLowerCase()

/** What the records say about one principal's attachments; and for the other attachments, why they say nothing. */
export const judge = (
  { accountId, principal }: Pick<Attachment, "accountId" | "principal">,
  records: ReadonlyArray<KeyRecord>
): { readonly judged: ReadonlyArray<Judged>; readonly notJudged: ReadonlyArray<NotJudged> } => {
  const alike = Array.groupBy(records, ({ entitlement }) => bareName(entitlement))
  const judgeOne = (record: KeyRecord): Judged | NotJudged => {
    const { age, entitlement, entitlementType, history, inFlight, principalType } = record
    const sameName = alike[bareName(entitlement)] ?? [record]
    if (sameName.some((it) => it.principalType === null || it.entitlementType === null)) return "untyped"
    const attachment = decode({ accountId, principalType, principal, entitlementType, entitlement })
    if (Option.isNone(attachment)) return "malformed"
    const isSameKind = (it: KeyRecord) =>
      it.principalType?.toLowerCase() === principalType?.toLowerCase() && it.entitlementType === entitlementType
    if (sameName.filter(isSameKind).length > 1) return "ambiguous"
    if (inFlight || age < propagation) return "under way"
    const said = expected(history)
    return said === "unknown" ? "undecided" : { attachment: attachment.value, record, expected: said }
  }
  const all = records.map(judgeOne)
  return {
    judged: all.filter((it) => typeof it !== "string"),
    notJudged: all.filter((it) => typeof it === "string")
  }
}

/** What is not as it should be. `listed`: ARNs of all that is attached to the principal; null: IAM does not know it. */
export const compare = (
  partition: Partition,
  { attachment, expected: said, record }: Judged,
  listed: ReadonlyArray<string> | null
): Option.Option<Discrepancy> => {
  const policyArn = policyArnOf(partition, attachment)
  const action = said === "attached" ? "add" : "remove"
  const attached = (listed ?? []).some((arn) => isSamePolicy({ action, policyArn }, arn))
  return attached === (said === "attached")
    ? Option.none()
    : Option.some({
        kind: said === "attached" ? "missing" : said === "ended" ? "ended" : "unexpected",
        attachment,
        record,
        principalExists: listed !== null
      })
}
