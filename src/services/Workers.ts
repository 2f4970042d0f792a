import type { Effect } from "effect"
import { Context } from "effect"
import type { RedisError } from "./Redis.ts"

/** Payloads that a lost worker held. */
export interface Leftover {
  readonly workerId: string
  readonly payloads: ReadonlyArray<Uint8Array>
}

/** A worker that has announced itself and not retired. */
export interface KnownWorker {
  readonly workerId: string
  /** Unix milliseconds until which it is alive. */
  readonly aliveUntil: number
  /** Payloads that it holds. */
  readonly held: number
}

/** The most delayed payloads that are counted: the worker's ACL grants no ZCARD, so each has to be read. */
export const manyDelayed = 1_000

/**
 * What all workers of one queue know of each other, and what they do for each other. Where a move takes more than one command, or
 * two workers make it at once, a duplicate may follow but never a gap: the claim makes duplicates harmless.
 */
export class Workers extends Context.Service<
  Workers,
  {
    /** Hands what an earlier boot with this worker's id held to a lost worker. To be done before the first take. */
    readonly setAside: Effect.Effect<void, RedisError>
    /** Lets the others know that this worker lives, until this time (Unix milliseconds) at least. */
    readonly announce: (aliveUntil: number) => Effect.Effect<void, RedisError>
    /** This worker stops: all that is delayed goes back to the list at once, for whatever takes jobs from now on. */
    readonly retire: Effect.Effect<void, RedisError>
    /** Delayed payloads whose time is up go to the right end of the list. */
    readonly releaseDue: Effect.Effect<void, RedisError>
    /** What lost workers still hold. */
    readonly leftovers: Effect.Effect<ReadonlyArray<Leftover>, RedisError>
    /** Moves one of those payloads to the right end of the list. */
    readonly reclaim: (workerId: string, payload: Uint8Array) => Effect.Effect<void, RedisError>
    /** Removes one of those payloads. */
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
