import { Option } from "effect"
import type { KeyRecord } from "../../domain/KeyRecord.ts"
import type { Discrepancy } from "../../domain/Verification.ts"
import type { Repair, Summary, VerifyEvent } from "../../programs/verify/VerifyEvent.ts"
import type { Style } from "./style.ts"
import { line, plain } from "./text.ts"

/** One JSON object a line; none for an event that is not a finding. */
export const eventAsJson = (event: VerifyEvent): ReadonlyArray<string> => {
  switch (event._tag) {
    case "Found": {
      const { discrepancy, repair } = event
      const { accountId, entitlement, entitlementType, principal, principalType } = discrepancy.attachment
      return [
        line({
          finding: discrepancy.kind,
          account_id: accountId,
          principal_type: principalType,
          principal,
          entitlement_type: entitlementType,
          entitlement,
          request: requestOf(discrepancy),
          detail: detailOf(discrepancy),
          repair
        })
      ]
    }
    case "TrailRead":
      return Option.toArray(event.trail.broken).map(({ auditId, why }) =>
        line({
          finding: "broken trail",
          account_id: event.trail.accountId,
          request: event.trail.correlationId,
          audit_id: auditId === null ? null : String(auditId),
          detail: why
        })
      )
    case "TrailsNotVerified":
      return [line({ finding: "not verified", account_id: null, principal: null, detail: event.reason })]
    case "NotVerified":
      return [
        line({ finding: "not verified", account_id: event.accountId, principal: event.principal, detail: event.reason })
      ]
    case "Done":
      return [line({ summary: summaryFields(event.summary) })]
    default:
      return []
  }
}

/** A line for each finding, and below it what was or can be done about it; the sums at the end. */
export const eventForPeople = (event: VerifyEvent, style: Style): ReadonlyArray<string> => {
  const finding = (what: string, text: string) => `${style.red("✗")} ${what.padEnd(width)}  ${plain(text)}`
  switch (event._tag) {
    case "Found": {
      const { discrepancy, repair } = event
      const { accountId, entitlement, entitlementType, principal, principalType } = discrepancy.attachment
      const about = `${accountId}  ${principalType} ${principal}  ${entitlementType} ${entitlement}`
      return [
        finding(discrepancy.kind, `${about}: ${detailOf(discrepancy)}`),
        `  ${" ".repeat(width)}  → ${plain(repair === null ? remedyOf(discrepancy) : outcomeOf(repair))}`
      ]
    }
    case "TrailRead": {
      const { accountId, broken, correlationId } = event.trail
      return Option.toArray(broken).flatMap(({ auditId, why }) => [
        finding(
          "broken trail",
          `${accountId}  request ${correlationId}, ${auditId === null ? "at its end" : `audit row ${auditId}`}: ${why}`
        ),
        `  ${" ".repeat(width)}  → trust none of it from there on, and ask CloudTrail and the worker's log: docs/runbook.md`
      ])
    }
    case "TrailsNotVerified":
      return [finding("not verified", event.reason)]
    case "NotVerified": {
      const { accountId, principal, reason } = event
      return [finding("not verified", `${accountId}${principal === null ? "" : `  ${principal}`}: ${reason}`)]
    }
    case "Done":
      return [sumsOf(event.summary)]
    default:
      return []
  }
}

const width = "not verified".length

const lastOf = (tag: "Granted" | "Detached", { history }: KeyRecord) =>
  history.findLast((it) => it._tag === tag && (it._tag === "Detached" || it.holds !== "no more"))?.id ?? null

/** The request that decides how it should be. */
const requestOf = ({ kind, record }: Discrepancy): string | null =>
  kind === "ended" ? (record.end?.id ?? null) : lastOf(kind === "missing" ? "Granted" : "Detached", record)

const detailOf = (discrepancy: Discrepancy): string => {
  const { kind, principalExists, record } = discrepancy
  const request = requestOf(discrepancy) ?? "?"
  switch (kind) {
    case "missing":
      return `granted by request ${request}, and not attached${principalExists ? "" : ": there is no such user or role"}`
    case "unexpected":
      return `detached by request ${request}, and attached`
    case "ended":
      return `still attached: its end, request ${request}, is ${record.end?.status === "PENDING" ? "overdue" : "FAILED"}`
  }
}

const remedyOf = ({ kind, record }: Discrepancy): string =>
  kind === "ended" && record.end?.status === "PENDING"
    ? "a running worker takes it away; queue shows whether one runs, and what is paused"
    : `to submit ${kind === "missing" ? "an add" : "a remove"}: verify --repair --by WHO --why TEXT`

const outcomeOf = ({ note, request }: Repair): string => (request === null ? note : `${note}, request ${request}`)

const summaryFields = ({ notJudged, notVerified, ...sums }: Summary) => ({
  ...sums,
  not_verified: notVerified,
  not_judged: notJudged
})

const sumsOf = ({
  accounts,
  broken,
  compared,
  ended,
  missing,
  notJudged,
  notVerified,
  submitted,
  trails,
  unexpected
}: Summary) => {
  const left = Object.entries(notJudged).filter(([, count]) => count > 0)
  return [
    ...(trails > 0 ? [`audit trails ${trails}: ${broken} broken`] : []),
    `accounts ${accounts}, attachments compared ${compared}: ${missing} missing, ${unexpected} unexpected, ${ended} ended but attached, ${notVerified} not verified`,
    ...(submitted > 0 ? [`requests submitted ${submitted}`] : []),
    ...(left.length > 0 ? [`not judged: ${left.map(([why, count]) => `${count} ${why}`).join(", ")}`] : [])
  ].join("; ")
}
