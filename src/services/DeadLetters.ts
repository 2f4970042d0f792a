import type { DateTime, Effect, Option, Stream } from "effect"
import { Context } from "effect"
import type { RedisError } from "./Redis.ts"

/** One of the dead letters. Anyone who may write to Redis may have written anything into it. */
export interface StoredLetter {
  /** First 12 hex digits of the SHA-256 of its bytes: they stay the same, however many come after it. */
  readonly id: string
  /** `Unreadable`: no worker of ours wrote it. */
  readonly reason: string
  readonly message: string
  readonly correlationId: Option.Option<string>
  readonly workerId: Option.Option<string>
  readonly failedAt: Option.Option<DateTime.Utc>
  /** The bytes as they came from the producer. */
  readonly payload: Option.Option<Uint8Array>
  /** The letter itself. */
  readonly bytes: Uint8Array
}

/** The dead letters, as operators see them. The worker only ever adds some (`JobQueue.deadLetter`). */
export class DeadLetters extends Context.Service<
  DeadLetters,
  {
    /** Up to `limit` of them after the first `offset`, the newest first. */
    readonly list: (page: {
      readonly offset: number
      readonly limit: number
    }) => Effect.Effect<ReadonlyArray<StoredLetter>, RedisError>
    /** All of them, the newest first, read as they are asked for. */
    readonly all: Stream.Stream<StoredLetter, RedisError>
    readonly find: (id: string) => Effect.Effect<Option.Option<StoredLetter>, RedisError>
    /** Removes it; of several equal ones, one. */
    readonly drop: (letter: StoredLetter) => Effect.Effect<void, RedisError>
  }
>()("worker-service-aws/services/DeadLetters") {}
