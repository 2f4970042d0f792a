import { Data, Option } from "effect"
import type { Discrepancy, NotJudged } from "../../domain/Verification.ts"
import type { VerifiedTrail } from "./verifyTrails.ts"

/** What was done about a finding. `request`: the id of the one that was submitted; null: none, for the reason that `note` gives. */
export interface Repair {
  readonly request: string | null
  readonly note: string
}

/** What a verification reports while it runs. */
export type VerifyEvent = Data.TaggedEnum<{
  TrailRead: { readonly trail: VerifiedTrail }
  /** The database does not chain audit rows. */
  TrailsNotVerified: { readonly reason: string }
  /** `repair`: null where none was asked for. */
  Found: { readonly discrepancy: Discrepancy; readonly repair: Repair | null }
  /** An account, or one principal of it, whose attachments could not be read. */
  NotVerified: { readonly accountId: string; readonly principal: string | null; readonly reason: string }
  /** A principal is done: how many attachments were compared, and why others were not. */
  Compared: { readonly compared: number; readonly notJudged: ReadonlyArray<NotJudged> }
  AccountDone: { readonly accountId: string }
  Done: { readonly summary: Summary }
}>
export const VerifyEvent = Data.taggedEnum<VerifyEvent>()

export interface Summary {
  /** Audit trails read, and broken ones among them. */
  readonly trails: number
  readonly broken: number
  readonly accounts: number
  /** Attachments. */
  readonly compared: number
  readonly missing: number
  readonly unexpected: number
  readonly ended: number
  /** Accounts and principals, and the trails together. */
  readonly notVerified: number
  readonly submitted: number
  readonly notJudged: Readonly<Record<NotJudged, number>>
}

export const nothing: Summary = {
  trails: 0,
  broken: 0,
  accounts: 0,
  compared: 0,
  missing: 0,
  unexpected: 0,
  ended: 0,
  notVerified: 0,
  submitted: 0,
  notJudged: { "under way": 0, undecided: 0, untyped: 0, ambiguous: 0, malformed: 0 }
}

/** The sums after a further event. */
export const sum = (before: Summary, event: VerifyEvent): Summary => {
  switch (event._tag) {
    case "Found": {
      const { kind } = event.discrepancy
      const submitted = before.submitted + (typeof event.repair?.request === "string" ? 1 : 0)
      return { ...before, [kind]: before[kind] + 1, submitted }
    }
    case "TrailRead":
      return {
        ...before,
        trails: before.trails + 1,
        broken: before.broken + (Option.isSome(event.trail.broken) ? 1 : 0)
      }
    case "TrailsNotVerified":
    case "NotVerified":
      return { ...before, notVerified: before.notVerified + 1 }
    case "Compared": {
      const notJudged = { ...before.notJudged }
      for (const why of event.notJudged) notJudged[why]++
      return { ...before, compared: before.compared + event.compared, notJudged }
    }
    case "AccountDone":
      return { ...before, accounts: before.accounts + 1 }
    case "Done":
      return before
  }
}
