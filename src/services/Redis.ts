import type { Duration, Effect, Option } from "effect"
import { Context, Schema } from "effect"

/** Redis answered with an error, or did not answer: then whether it carried the command out is unknown. */
export class RedisError extends Schema.TaggedError<RedisError>()("RedisError", {
  command: Schema.String,
  /** `Unavailable`: now, or on this server. `Denied`: the ACL user may not do this. */
  reason: Schema.Literals(["Unavailable", "Denied", "Rejected"]),
  message: Schema.String
}) {}

export type ListEnd = "left" | "right"

/** A member of a sorted set. */
export interface Scored {
  readonly member: Uint8Array
  readonly score: number
}

/**
 * The few Redis commands that the worker uses. Values are bytes, since a payload need not be text. The two blocking ones
 * have a connection of their own and may be called by one fiber at a time.
 */
export class Redis extends Context.Service<
  Redis,
  {
    /** BLMOVE from the right end to the left, waiting up to `timeout` for an element. Redis ≥ 6.2. */
    readonly moveLastWait: (
      source: string,
      destination: string,
      timeout: Duration.Duration
    ) => Effect.Effect<Option.Option<Uint8Array>, RedisError>
    /** LMOVE from the right end to the left, up to `most` times in one go; in the order in which they came. Redis ≥ 6.2. */
    readonly moveLast: (
      source: string,
      destination: string,
      most: number
    ) => Effect.Effect<ReadonlyArray<Uint8Array>, RedisError>
    /** BRPOP, waiting up to `timeout` (whole seconds, as Redis < 6 takes no other) for an element. */
    readonly popLastWait: (
      key: string,
      timeout: Duration.Duration
    ) => Effect.Effect<Option.Option<Uint8Array>, RedisError>
    /** LPUSH or RPUSH. */
    readonly push: (key: string, end: ListEnd, value: Uint8Array) => Effect.Effect<void, RedisError>
    /** LREM 1: the first one from the left that equals `value`, if there is one. */
    readonly removeFirst: (key: string, value: Uint8Array) => Effect.Effect<void, RedisError>
    /** MULTI, LREM 1, LPUSH or RPUSH, EXEC: both or none; pushed even when there was nothing to remove. */
    readonly transfer: (
      source: string,
      destination: string,
      end: ListEnd,
      value: Uint8Array
    ) => Effect.Effect<void, RedisError>
    /** LRANGE: all elements, or the last `count` of them, from the left. */
    readonly list: (key: string, count?: number) => Effect.Effect<ReadonlyArray<Uint8Array>, RedisError>
    /** LRANGE: up to `count` elements from the left, after the first `offset`. */
    readonly page: (key: string, offset: number, count: number) => Effect.Effect<ReadonlyArray<Uint8Array>, RedisError>
    /** ZADD: the member's score, whether it is new or not. */
    readonly setScore: (key: string, member: Uint8Array, score: number) => Effect.Effect<void, RedisError>
    /** ZREM */
    readonly removeMember: (key: string, member: Uint8Array) => Effect.Effect<void, RedisError>
    /** ZRANGEBYSCORE: up to `limit` members whose score is at most `max`, the lowest first. */
    readonly lowest: (key: string, max: number, limit: number) => Effect.Effect<ReadonlyArray<Uint8Array>, RedisError>
    /** ZRANGEBYSCORE with scores: up to `limit` members, the lowest first. */
    readonly scores: (key: string, limit: number) => Effect.Effect<ReadonlyArray<Scored>, RedisError>
    /** MULTI, LREM 1, ZADD, EXEC: from a list to a sorted set; both or none. */
    readonly transferToSet: (
      source: string,
      destination: string,
      score: number,
      value: Uint8Array
    ) => Effect.Effect<void, RedisError>
    /** MULTI, ZREM, RPUSH, EXEC: from a sorted set to the right end of a list; pushed even when it was not in the set. */
    readonly transferFromSet: (
      source: string,
      destination: string,
      value: Uint8Array
    ) => Effect.Effect<void, RedisError>
    /**
     * MULTI, LREM 1 of each value, LPUSH or RPUSH, SADD, EXEC: moves values, one after the other, from a list to an end of another, and
     * notes that other list as `member` in a set; all or nothing.
     */
    readonly transferAndNote: (
      source: string,
      destination: string,
      end: ListEnd,
      values: ReadonlyArray<Uint8Array>,
      set: string,
      member: string
    ) => Effect.Effect<void, RedisError>
    /** SRANDMEMBER: up to `most` members of a set, any of them. */
    readonly someOf: (set: string, most: number) => Effect.Effect<ReadonlyArray<string>, RedisError>
    /** SADD */
    readonly note: (set: string, member: string) => Effect.Effect<void, RedisError>
    /** SREM */
    readonly forget: (set: string, member: string) => Effect.Effect<void, RedisError>
    /** DEL */
    readonly delete: (key: string) => Effect.Effect<void, RedisError>
    /** LLEN */
    readonly length: (key: string) => Effect.Effect<number, RedisError>
    /** LINDEX -1: the element at the right end. */
    readonly last: (key: string) => Effect.Effect<Option.Option<Uint8Array>, RedisError>
    /** PING; an ACL that forbids it still shows that Redis is there. */
    readonly ping: Effect.Effect<void, RedisError>
  }
>()("worker-service-aws/services/Redis") {}
