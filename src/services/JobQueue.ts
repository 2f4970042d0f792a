import type { Duration, Effect, Option } from "effect"
import { Context } from "effect"
import type { AccountCount } from "../domain/Request.ts"
import type { RedisError } from "./Redis.ts"

/** A payload that this worker holds, byte for byte as it came. */
export interface Delivery {
  readonly payload: Uint8Array
  /** With the worker's id it names this delivery and no other, not even one of another boot. */
  readonly take: string
}

/** Why a payload became a dead letter. */
export type DeadLetterReason = "UnknownJob" | "InvalidPayload" | "PayloadMismatch" | "WorkerLost"

export interface DeadLetter {
  readonly reason: DeadLetterReason
  readonly message: string
  readonly correlationId: Option.Option<string>
}

export interface QueueStats {
  /** In the list, and parked. */
  readonly depth: number
  /** Of it, what is parked for each account. */
  readonly parked: ReadonlyArray<AccountCount>
  readonly deadLetters: number
  /** The payload that will be taken next. */
  readonly oldest: Option.Option<Uint8Array>
}

/** The job list and the lists and sets around it, as this worker uses them for its own deliveries. */
export class JobQueue extends Context.Service<
  JobQueue,
  {
    /**
     * Waits up to a second for the next payloads, up to `most`, in their order. For one fiber at a time; must not be interrupted, or
     * payloads are lost.
     */
    readonly take: (most: number) => Effect.Effect<ReadonlyArray<Delivery>, RedisError>
    /** The payload is dealt with. */
    readonly remove: (delivery: Delivery) => Effect.Effect<void, RedisError>
    /**
     * The request has its final status: the payload is dealt with, and the API's cached status is dropped, so that the next poll
     * reads the row.
     */
    readonly finish: (delivery: Delivery, correlationId: string) => Effect.Effect<void, RedisError>
    /** To the left end of the list, behind all that wait there: the next delivery after a transient failure. */
    readonly requeue: (delivery: Delivery) => Effect.Effect<void, RedisError>
    /** To the right end, where it is taken next: as if it had never been taken. */
    readonly giveBack: (delivery: Delivery) => Effect.Effect<void, RedisError>
    /** Sets it aside; when the time is up, it goes to the right end of the list (`releaseDue`). */
    readonly delay: (delivery: Delivery, time: Duration.Duration) => Effect.Effect<void, RedisError>
    /** Whether payloads can be parked: not in the mode `brpop`, and not where the ACL forbids it. */
    readonly canPark: Effect.Effect<boolean, RedisError>
    /** Sets them aside in their order, behind all that wait for the same account; ends of grants go before those. */
    readonly park: (deliveries: ReadonlyArray<Delivery>, accountId: string) => Effect.Effect<void, RedisError>
    /** The payload that has waited longest for the account. Must not be interrupted, or it is lost. */
    readonly takeParked: (accountId: string) => Effect.Effect<Option.Option<Delivery>, RedisError>
    /** Some of the accounts for which payloads are parked, in no particular order. */
    readonly parkedAccounts: Effect.Effect<ReadonlyArray<string>, RedisError>
    /** Puts a copy among the dead letters; the payload itself is still to be removed. */
    readonly deadLetter: (payload: Uint8Array, letter: DeadLetter) => Effect.Effect<void, RedisError>
    /** Drops the API's cached status, so that the next poll reads the row. */
    readonly forgetStatus: (correlationId: string) => Effect.Effect<void, RedisError>
    /** What producers do. */
    readonly submit: (payload: Uint8Array) => Effect.Effect<void, RedisError>
    /** To the right end, where it is taken next. */
    readonly submitFirst: (payload: Uint8Array) => Effect.Effect<void, RedisError>
    readonly stats: Effect.Effect<QueueStats, RedisError>
  }
>()("worker-service-aws/services/JobQueue") {}
