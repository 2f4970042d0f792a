import type { Duration, Effect, Option } from "effect"
import { Context, Data } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import type { Change } from "../domain/Access.ts"
import type { Intervention } from "../domain/Intervention.ts"
import type { Job } from "../domain/Job.ts"
import type { AccountCount, RequestRecord, RequestRow, Status } from "../domain/Request.ts"
import type { Settlement } from "../domain/Settlement.ts"

/** The right to change one request, until it is settled or another worker takes it over. */
export interface Claim {
  readonly correlationId: string
  /** `audit_id` of the claim's audit row: a settlement applies only while no newer claim stands. */
  readonly token: bigint
  /** 1 for the first; counts the deliveries before it that ended transiently. */
  readonly delivery: number
  /** How many workers were lost while they had this request. */
  readonly losses: number
  /** AWS may have carried out a call of an earlier claim, whose outcome nobody knows. */
  readonly doubtful: boolean
  readonly row: RequestRow
  /** The grant whose access this request ends, and for how many milliseconds that has been due by the database's clock; null: none. */
  readonly ends: { readonly grantId: string; readonly overdue: number } | null
  /** Whether the policy of this grant was attached before a worker set out to attach it; null: nobody has looked. */
  readonly attachedBefore: boolean | null
}

export type ClaimResult = Data.TaggedEnum<{
  Claimed: { readonly claim: Claim }
  /** The database's own label. */
  NotPending: { readonly status: string }
  /** `ahead`: how many other requests on the same key have to finish first. */
  Blocked: { readonly ahead: number }
  /** Its time has not come. */
  Early: {}
}>
export const ClaimResult = Data.taggedEnum<ClaimResult>()

/** Who claims: a worker, and which of its takes. Names one claim, so that a statement whose answer was lost can be repeated. */
export interface Claimant {
  readonly workerId: string
  readonly take: string
}

/** Which requests still wait for something. */
export interface Waiting {
  /** Unix milliseconds: pending requests last touched before this have no job any more, so nobody waits for those that cannot get a new one. */
  readonly orphansBefore: number
  /** A blocked request that was not touched for this long is touched, which keeps it from looking like one without a job. */
  readonly keepFresh: Duration.Duration
}

/** A request whose worker was lost: pending again, or failed because it has lost too many. */
export interface Recovered {
  readonly correlationId: string
  readonly status: "PENDING" | "FAILED"
}

/** Where a payload's request stands. `lostTooMany`: it failed because it has lost too many workers. */
export interface Standing {
  readonly correlationId: string
  readonly status: Status | "other"
  readonly lostTooMany: boolean
}

export type RetryResult = Data.TaggedEnum<{
  Retried: {}
  /** The database's own label. */
  NotFailed: { readonly status: string }
  /** A later request on the same key was carried out, or is being: this one would undo it. */
  Overtaken: { readonly by: string; readonly status: string }
}>
export const RetryResult = Data.taggedEnum<RetryResult>()

/** Pending requests without a job. */
export interface Orphans {
  /** Touched, so that they are not found again at once: their payloads, to be pushed now. */
  readonly rebuilt: ReadonlyArray<string>
  /** Those whose row does not say enough to rebuild a payload. */
  readonly left: number
}

/** Requests whose time has come. */
export interface Due {
  /** Touched, so that nobody pushes them again: their payloads. The one that is to be taken first comes last. */
  readonly payloads: ReadonlyArray<string>
  /** Milliseconds until the next one is due. */
  readonly next: Option.Option<number>
}

/**
 * The requests, their audit trails and AWS's request ids. Each change is one statement, so atomic, and may be repeated when its
 * answer was lost: it then answers what the first one did.
 */
export class JobStore extends Context.Service<
  JobStore,
  {
    /**
     * PENDING → IN_PROGRESS, with an audit row; of two workers one wins. Not while an older request on the same key (account,
     * principal and entitlement) is unfinished, any other on it is in progress, or its time has not come. None: there is no such request.
     */
    readonly claim: (
      job: Job,
      claimant: Claimant,
      waiting: Waiting
    ) => Effect.Effect<Option.Option<ClaimResult>, SqlError>
    /**
     * Ends a claim, with an audit row; false when the claim was lost, and then nothing has changed. For a grant for a time it also writes
     * its end: a pending `remove`, due when the time is up, or at once if the grant failed but may have attached the policy.
     */
    readonly settle: (claim: Claim, settlement: Settlement) => Effect.Effect<boolean, SqlError>
    /** Whether grants for a time get their end; else they would be for good. */
    readonly endsAccess: boolean
    /** Records for a claim's request whether its policy is attached; what was recorded first stays. False when the claim was lost. */
    readonly noteBefore: (claim: Claim, attached: boolean) => Effect.Effect<boolean, SqlError>
    /** What settled requests did to the attachment that a claim is about, in the order in which they took effect. */
    readonly history: (claim: Claim) => Effect.Effect<ReadonlyArray<Change>, SqlError>
    /**
     * Pending requests whose time has come and that were not touched since then, or were last touched before this time (Unix milliseconds).
     * A few hundred at a time, the longest due first.
     */
    readonly due: (before: number) => Effect.Effect<Due, SqlError>
    /** Touches those of these claims that are still ours; answers their tokens. */
    readonly heartbeat: (claims: ReadonlyArray<Claim>) => Effect.Effect<ReadonlyArray<bigint>, SqlError>
    /** PENDING → FAILED for a request whose payload is not a job; answers the status from before, if there is such a row. */
    readonly reject: (correlationId: string, log: string) => Effect.Effect<Option.Option<string>, SqlError>
    /**
     * IN_PROGRESS → PENDING for requests that were not touched for a lease, with an audit row; FAILED for those that have now lost
     * `maxLosses` workers. A few hundred at a time. None: another worker is doing it right now.
     */
    readonly recover: (
      lease: Duration.Duration,
      maxLosses: number
    ) => Effect.Effect<Option.Option<ReadonlyArray<Recovered>>, SqlError>
    readonly standings: (correlationIds: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Standing>, SqlError>
    /** When the oldest of these requests was made, in Unix milliseconds. */
    readonly oldestOf: (correlationIds: ReadonlyArray<string>) => Effect.Effect<Option.Option<number>, SqlError>
    /** Pending requests without a due time that were last touched before this time (Unix milliseconds), a few hundred at a time. */
    readonly orphans: (before: number) => Effect.Effect<Orphans, SqlError>
    /**
     * FAILED → PENDING, with an audit row, unless a later request on the same account, principal and entitlement is SUCCESS or
     * IN_PROGRESS. None: there is no such request. Its job is still to be pushed.
     */
    readonly retry: (correlationId: string, log: string) => Effect.Effect<Option.Option<RetryResult>, SqlError>
    /** How many requests of each account are IN_PROGRESS, the most first. */
    readonly inFlight: Effect.Effect<ReadonlyArray<AccountCount>, SqlError>
    /** Writes a PENDING row, as the API does. `intervention`: who asks for it by hand. */
    readonly submit: (job: Job, intervention?: Intervention) => Effect.Effect<void, SqlError>
    readonly find: (correlationId: string) => Effect.Effect<Option.Option<RequestRecord>, SqlError>
    readonly ping: Effect.Effect<void, SqlError>
  }
>()("worker-service-aws/services/JobStore") {}
