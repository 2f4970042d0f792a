import { Option } from "effect"
import type { RequestRecord } from "../../domain/Request.ts"
import { byStanding, type Style } from "./style.ts"
import { table } from "./table.ts"
import { between, isoOr, isoOrNull, json, plain, span } from "./text.ts"

export const requestAsJson = (id: string, record: RequestRecord): string =>
  json({
    correlation_id: id,
    status: record.status,
    client_request_id: record.clientRequestId,
    ...record.row,
    requested_at: isoOrNull(record.requestedAt),
    updated_at: isoOrNull(record.updatedAt),
    references: record.references,
    audit: withGaps(record.audit).map(({ at, gap, log, status }) => ({
      at: isoOrNull(at),
      after_ms: Option.getOrNull(gap),
      status,
      log
    }))
  })

/** The row in words, and its audit trail with the time that each step took. */
export const requestForPeople = (id: string, record: RequestRecord, style: Style): string => {
  const { audit, clientRequestId, references, requestedAt, row, standing, status, updatedAt } = record
  const entitlement = [row.entitlement_type, row.entitlement].filter((part) => part !== null).join(" ")
  const principal = [row.principal_type, row.principal].filter((part) => part !== null).join(" ")
  const duration = row.duration_minutes === null ? "" : ` for ${row.duration_minutes} minutes`
  const direction = row.action === "add" ? "to" : "from"
  return [
    `${style.bold(id)}  ${byStanding(style)[standing](plain(status))}`,
    plain(`  ${row.action} ${entitlement} ${direction} ${principal} in account ${row.account_id}${duration}`),
    `  requested ${isoOr("never", requestedAt)}, changed ${isoOr("never", updatedAt)}`,
    ...(clientRequestId === null ? [] : [plain(`  client request ${clientRequestId}`)]),
    ...references.map((reference) => plain(`  AWS request ${reference}`)),
    "",
    table(
      ["left", "right", "left", "left"],
      withGaps(audit).map((entry) => [
        `  ${isoOr("never", entry.at)}`,
        style.dim(Option.match(entry.gap, { onNone: () => "", onSome: (millis) => `+${span(millis)}` })),
        plain(entry.status),
        plain(entry.log)
      ])
    ),
    ...(standing === "FAILED" ? ["", `  To put it back: retry ${id} --by WHO --why TEXT`] : [])
  ].join("\n")
}

/** Each entry of a trail with the milliseconds since the one before. */
const withGaps = (audit: RequestRecord["audit"]) =>
  audit.map((entry, index) => ({
    ...entry,
    gap: Option.zipWith(
      Option.flatMap(Option.fromUndefinedOr(audit[index - 1]), (before) => before.at),
      entry.at,
      between
    )
  }))
