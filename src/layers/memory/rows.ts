import type { DateTime, Option } from "effect"
import type { RequestRow, Status } from "../../domain/Request.ts"

export interface AuditRow {
  readonly id: bigint
  readonly status: Status
  readonly at: DateTime.Utc
  readonly log: string
}

export interface Row {
  readonly row: RequestRow
  readonly clientRequestId: string | null
  readonly status: Status
  readonly requestedAt: DateTime.Utc
  readonly updatedAt: Option.Option<DateTime.Utc>
  readonly audit: ReadonlyArray<AuditRow>
  readonly references: ReadonlyArray<string>
}

/** PostgreSQL's LIKE, for patterns without `_`. */
export const like = (pattern: string) => new RegExp(`^${pattern.replaceAll("%", ".*")}$`)
