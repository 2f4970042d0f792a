import type { Effect } from "effect"
import { Context } from "effect"
import type { RedisError } from "./Redis.ts"

/** Payloads that a worker held which lives no more. */
export interface Leftover {
  readonly workerId: string
  readonly payloads: ReadonlyArray<Uint8Array>
}

/** A worker that announced itself, and has not retired. */
export interface KnownWorker {
  readonly workerId: string
  /** Unix milliseconds until which it is alive. */
  readonly aliveUntil: number
  /** Payloads that it holds. */
  readonly held: number
}

/** Delayed payloads that are counted: where the ACL grants no ZCARD, each has to be read for that. */
export const manyDelayed = 1_000

/**
 * What all workers of one queue know of each other, and what they do for each other (contract §3). Where a move takes more than
 * one command, or two workers make it at once, a duplicate may follow and never a gap: the claim makes duplicates harmless.
 */
export class Workers extends Context.Service<
  Workers,
  {
    /** What an earlier boot with this worker's id held becomes a lost worker's. Before the first take. */
    readonly setAside: Effect.Effect<void, RedisError>
    /** Lets the others know that this worker lives, until this time (Unix milliseconds) at least. */
    readonly announce: (aliveUntil: number) => Effect.Effect<void, RedisError>
    /** This worker goes: all that is delayed goes back to the list at once, whatever is taking jobs from now on. */
    readonly retire: Effect.Effect<void, RedisError>
    /** Delayed payloads whose time is over go to the right end of the list. */
    readonly releaseDue: Effect.Effect<void, RedisError>
    /** What workers hold that live no more. */
    readonly leftovers: Effect.Effect<ReadonlyArray<Leftover>, RedisError>
    /** One payload of them, to the right end of the list. */
    readonly reclaim: (workerId: string, payload: Uint8Array) => Effect.Effect<void, RedisError>
    /** One payload of them, away. */
    readonly discard: (workerId: string, payload: Uint8Array) => Effect.Effect<void, RedisError>
    /**
     * The payloads that tell how old a pending request may be and still have a job: those that will be taken next, those that
     * are delayed and overdue, and those that workers hold. Null when this cannot be known.
     */
    readonly oldest: Effect.Effect<ReadonlyArray<Uint8Array> | null, RedisError>
    /** All workers, by their ids; one that was lost is remembered for ten minutes, or until what it held is back. */
    readonly known: Effect.Effect<ReadonlyArray<KnownWorker>, RedisError>
    /** How many payloads are delayed; counted up to `manyDelayed`. */
    readonly delayed: Effect.Effect<number, RedisError>
  }
>()("worker-service-aws/services/Workers") {}
