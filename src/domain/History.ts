/** How deliveries ended within one minute, over all replicas. */
export interface MinuteOutcomes {
  /** When the minute began: Unix milliseconds. */
  readonly minute: number
  readonly succeeded: number
  readonly failed: number
  /** Ended transiently: back to the queue, for another delivery. */
  readonly requeued: number
  /** Recovered from workers that were lost. */
  readonly recovered: number
}

/** A request as lists show it. Times are Unix milliseconds; null: never, or the database does not know. */
export interface RequestSummary {
  readonly correlationId: string
  /** The database's own label. */
  readonly status: string
  readonly requestedAt: number | null
  readonly updatedAt: number | null
  readonly accountId: string
  readonly principal: string
  readonly principalType: string | null
  readonly action: string
  readonly entitlement: string
}

/** A request that FAILED at `failedAt`, whatever became of it since. */
export interface Failure extends RequestSummary {
  /** In decimal; tells failures apart. */
  readonly auditId: string
  readonly failedAt: number
  /** The audit row's text. */
  readonly reason: string
}

/** What a search looks for: a correlation id, an account, or the exact name of a principal. */
export type SearchTerm =
  | { readonly _tag: "Request"; readonly correlationId: string }
  | { readonly _tag: "Account"; readonly accountId: string }
  | { readonly _tag: "Principal"; readonly principal: string }

/** An account has twelve digits; whatever is neither that nor an id is a name. */
export const searchTerm = (text: string): SearchTerm =>
  /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)
    ? { _tag: "Request", correlationId: text }
    : /^\d{12}$/.test(text)
      ? { _tag: "Account", accountId: text }
      : { _tag: "Principal", principal: text }
