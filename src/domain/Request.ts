import type { DateTime, Option } from "effect"
import type { Job } from "./Job.ts"

/** Where a request stands. The legacy schema calls these `queued`, `in_progress`, `success` and `failed`. */
export type Status = "PENDING" | "IN_PROGRESS" | "SUCCESS" | "FAILED"

/** What the row says about a request. The row is the authority; the payload only carries the request. */
export interface RequestRow {
  readonly principal: string
  readonly action: string
  readonly entitlement: string
  readonly account_id: string
  /** The three below are absent in the legacy schema, where they travel in the payload alone. */
  readonly principal_type: string | null
  readonly entitlement_type: string | null
  readonly duration_minutes: number | null
}

/** How many requests or jobs of a target account there are of some kind. */
export interface AccountCount {
  readonly accountId: string
  readonly count: number
}

/** A request with its history. */
export interface RequestRecord {
  /** The database's own label, which may be another system's (`rollback`). */
  readonly status: string
  /** What the label means to the worker; `other`: nothing. */
  readonly standing: Status | "other"
  readonly clientRequestId: string | null
  readonly row: RequestRow
  /** A job made from the row. None where the row does not say enough, as in the legacy schema. */
  readonly payload: Option.Option<string>
  readonly requestedAt: Option.Option<DateTime.Utc>
  readonly updatedAt: Option.Option<DateTime.Utc>
  readonly audit: ReadonlyArray<{
    readonly status: string
    readonly at: Option.Option<DateTime.Utc>
    readonly log: string
  }>
  readonly references: ReadonlyArray<string>
}

/** Access that is granted for a time. */
export const isTemporary = ({ action, duration_minutes }: RequestRow): boolean =>
  action === "add" && duration_minutes !== null

/** Names of the fields in which a payload and its row differ; none: they agree. */
export const disagreements = (job: Job, row: RequestRow): ReadonlyArray<string> =>
  fields.filter((field) => {
    const said = job[field] ?? null
    const stands = row[field] ?? null
    return stands === null ? required.has(field) : normal(field, stands) !== normal(field, said)
  })

const fields = [
  "account_id",
  "principal",
  "action",
  "entitlement",
  "principal_type",
  "entitlement_type",
  "duration_minutes"
] as const

const required: ReadonlySet<string> = new Set(["account_id", "principal", "action", "entitlement"])

/** Producers write the principal's type in any letter case. */
const normal = (field: (typeof fields)[number], value: string | number | null) =>
  field === "principal_type" && typeof value === "string" ? value.toLowerCase() : value
