import type { Effect } from "effect"
import { Context } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import type { Failure, MinuteOutcomes, RequestSummary, SearchTerm } from "../domain/History.ts"

/** What became of requests, read from the audit trail and so the same on all replicas. Times are Unix milliseconds. */
export class RequestHistory extends Context.Service<
  RequestHistory,
  {
    /** The minutes from `since` on in which anything ended, the oldest first. The first one may be counted in part. */
    readonly outcomes: (since: number) => Effect.Effect<ReadonlyArray<MinuteOutcomes>, SqlError>
    /** Up to 100 failures from `since` on, the newest first. */
    readonly failures: (since: number) => Effect.Effect<ReadonlyArray<Failure>, SqlError>
    /** Up to 100 requests, the newest first. By account or principal it may read the whole table. */
    readonly search: (term: SearchTerm) => Effect.Effect<ReadonlyArray<RequestSummary>, SqlError>
  }
>()("worker-service-aws/services/RequestHistory") {}
