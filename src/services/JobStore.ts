import type { Effect, Option } from "effect"
import { Context, Data } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import type { Job } from "../domain/Job.ts"
import type { RequestRecord, RequestRow } from "../domain/Request.ts"
import type { Settlement } from "../domain/Settlement.ts"

/** The right to change one request, until it is settled or another worker takes it over. */
export interface Claim {
  readonly correlationId: string
  /** `audit_id` of the claim's audit row: a settlement applies only while no newer claim stands. */
  readonly token: bigint
  /** 1 for the first; counts the deliveries before it that ended transiently. */
  readonly delivery: number
  readonly row: RequestRow
}

export type ClaimResult = Data.TaggedEnum<{
  Claimed: { readonly claim: Claim }
  /** The database's own label. */
  NotPending: { readonly status: string }
}>
export const ClaimResult = Data.taggedEnum<ClaimResult>()

/** Who claims: a worker, and which of its takes. Names one claim, so that a statement whose answer was lost can be repeated. */
export interface Claimant {
  readonly workerId: string
  readonly take: string
}

/**
 * The requests, their audit trail and their references to AWS (contract §4). Each change is one statement, so atomic, and may
 * be repeated when its answer was lost: it then answers what the first one did.
 */
export class JobStore extends Context.Service<
  JobStore,
  {
    /** PENDING → IN_PROGRESS, with an audit row; of two workers one wins. None: there is no such request. */
    readonly claim: (job: Job, claimant: Claimant) => Effect.Effect<Option.Option<ClaimResult>, SqlError>
    /** Ends a claim, with an audit row; false when the claim was lost, and then nothing has changed. */
    readonly settle: (claim: Claim, settlement: Settlement) => Effect.Effect<boolean, SqlError>
    /** PENDING → FAILED for a request whose payload is no job; the status that stood before, if there is such a row. */
    readonly reject: (correlationId: string, log: string) => Effect.Effect<Option.Option<string>, SqlError>
    /** Writes a PENDING row, as the API does. */
    readonly submit: (job: Job) => Effect.Effect<void, SqlError>
    readonly find: (correlationId: string) => Effect.Effect<Option.Option<RequestRecord>, SqlError>
    readonly ping: Effect.Effect<void, SqlError>
  }
>()("worker-service-aws/services/JobStore") {}
