import type { Effect } from "effect"
import { Context } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import type { NotNow } from "../domain/Settlement.ts"
import type { Claim } from "./JobStore.ts"

/**
 * The claims that this worker holds, and how long they are certain to be its own: a worker that was stopped, or was cut off from
 * PostgreSQL, must not call AWS for a request that another one may have taken over in the meantime.
 */
export class Leases extends Context.Service<
  Leases,
  {
    /**
     * Does the work under a claim, whose lease is renewed meanwhile. `since`: a time just before the request was claimed, in
     * milliseconds of the monotonic clock.
     */
    readonly during: <A, E, R>(claim: Claim, since: number, work: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
    /** Fails when AWS must not be called for the claim now: the lease ends too soon, or the job must wait until another has run alone. */
    readonly allow: (claim: Claim) => Effect.Effect<void, NotNow>
    /** Renews all of them, in one statement. */
    readonly renew: Effect.Effect<void, SqlError>
  }
>()("worker-service-aws/services/Leases") {}
