import { DateTime } from "effect"
import type { Grant } from "../../services/Grants.ts"
import { table } from "./table.ts"
import { json, plain } from "./text.ts"

export const grantsAsJson = (grants: ReadonlyArray<Grant>): string =>
  json(grants.map((grant) => ({ ...grant, endsAt: DateTime.formatIso(grant.endsAt) })))

export const grantsForPeople = (grants: ReadonlyArray<Grant>): string =>
  table(
    ["left", "left", "left", "left", "left", "left"],
    [
      ["ENDS AT", "", "ACCOUNT", "PRINCIPAL", "ENTITLEMENT", "GRANT"],
      ...grants.map((grant) => [
        DateTime.formatIso(grant.endsAt),
        plain(noteOf(grant)),
        plain(grant.accountId),
        plain(`${grant.principalType} ${grant.principal}`),
        plain(`${grant.entitlementType} ${grant.entitlement}`),
        grant.id
      ])
    ]
  )

const noteOf = ({ attachedBefore, overdue, status }: Grant): string =>
  [status === "PENDING" ? (overdue ? "due" : "") : status, attachedBefore === true ? "was attached before" : ""]
    .filter((part) => part !== "")
    .join(", ")
