import { Duration, Effect, Layer, Option } from "effect"
import { type ChainableCommander, ReplyError } from "ioredis"
import { Redis, RedisError } from "../../services/Redis.ts"
import { redisConnection } from "./redisConnection.ts"

/** `Redis` over ioredis. */
export const RedisLive = Layer.effect(
  Redis,
  Effect.gen(function* () {
    const blocking = yield* redisConnection
    const client = yield* redisConnection

    return Redis.of({
      moveLastWait: (source, destination, timeout) =>
        call("BLMOVE", () =>
          blocking.blmoveBuffer(source, destination, "RIGHT", "LEFT", Duration.toSeconds(timeout))
        ).pipe(Effect.map(Option.fromNullOr)),
      moveLast: (source, destination, most) =>
        call("LMOVE", () =>
          Promise.all(Array.from({ length: most }, () => client.lmoveBuffer(source, destination, "RIGHT", "LEFT")))
        ).pipe(Effect.map((moved) => moved.filter((payload) => payload !== null))),
      popLastWait: (key, timeout) =>
        call("BRPOP", () => blocking.brpopBuffer(key, Duration.toSeconds(timeout))).pipe(
          Effect.map((popped) => Option.fromNullishOr(popped?.[1]))
        ),
      push: (key, end, value) =>
        end === "left"
          ? Effect.asVoid(call("LPUSH", () => client.lpush(key, Buffer.from(value))))
          : Effect.asVoid(call("RPUSH", () => client.rpush(key, Buffer.from(value)))),
      removeFirst: (key, value) => Effect.asVoid(call("LREM", () => client.lrem(key, 1, Buffer.from(value)))),
      transfer: (source, destination, end, value) =>
        transaction(() => {
          const bytes = Buffer.from(value)
          const removed = client.multi().lrem(source, 1, bytes)
          return end === "left" ? removed.lpush(destination, bytes) : removed.rpush(destination, bytes)
        }),
      transferToSet: (source, destination, score, value) =>
        transaction(() => {
          const bytes = Buffer.from(value)
          return client.multi().lrem(source, 1, bytes).zadd(destination, score, bytes)
        }),
      transferFromSet: (source, destination, value) =>
        transaction(() => {
          const bytes = Buffer.from(value)
          return client.multi().zrem(source, bytes).rpush(destination, bytes)
        }),
      list: (key, count) => call("LRANGE", () => client.lrangeBuffer(key, count === undefined ? 0 : -count, -1)),
      page: (key, offset, count) => call("LRANGE", () => client.lrangeBuffer(key, offset, offset + count - 1)),
      setScore: (key, member, score) => Effect.asVoid(call("ZADD", () => client.zadd(key, score, Buffer.from(member)))),
      removeMember: (key, member) => Effect.asVoid(call("ZREM", () => client.zrem(key, Buffer.from(member)))),
      lowest: (key, max, limit) =>
        call("ZRANGEBYSCORE", () =>
          client.zrangebyscoreBuffer(key, "-inf", Number.isFinite(max) ? max : "+inf", "LIMIT", 0, limit)
        ),
      scores: (key, limit) =>
        call("ZRANGEBYSCORE", () =>
          client.zrangebyscoreBuffer(key, "-inf", "+inf", "WITHSCORES", "LIMIT", 0, limit)
        ).pipe(
          // The reply alternates members and scores.
          Effect.map((reply) =>
            reply.flatMap((member, index) => (index % 2 === 0 ? [{ member, score: Number(reply[index + 1]) }] : []))
          )
        ),
      transferAndNote: (source, destination, end, values, set, member) =>
        transaction(() => {
          const all = values.map((value) => Buffer.from(value))
          const removed = all.reduce((commands, bytes) => commands.lrem(source, 1, bytes), client.multi())
          const moved = end === "left" ? removed.lpush(destination, ...all) : removed.rpush(destination, ...all)
          return moved.sadd(set, member)
        }),
      someOf: (set, most) => call("SRANDMEMBER", () => client.srandmember(set, most)),
      note: (set, member) => Effect.asVoid(call("SADD", () => client.sadd(set, member))),
      forget: (set, member) => Effect.asVoid(call("SREM", () => client.srem(set, member))),
      delete: (key) => Effect.asVoid(call("DEL", () => client.del(key))),
      length: (key) => call("LLEN", () => client.llen(key)),
      last: (key) =>
        Effect.map(
          call("LINDEX", () => client.lindexBuffer(key, -1)),
          Option.fromNullOr
        ),
      ping: call("PING", () => client.ping()).pipe(
        Effect.asVoid,
        Effect.catchIf(
          (error) => error.reason === "Denied",
          () => Effect.void
        )
      )
    })
  })
)

const call = <A>(command: string, run: () => Promise<A>) =>
  Effect.tryPromise({ try: run, catch: (cause) => redisError(command, cause) })

/** All of its commands or none. https://redis.io/docs/latest/develop/using-commands/transactions/ */
const transaction = (queued: () => ChainableCommander) =>
  call("MULTI", () => queued().exec()).pipe(
    Effect.flatMap((replies) => {
      const failed = replies?.find(([error]) => error !== null)
      return failed === undefined ? Effect.void : Effect.fail(redisError("MULTI", failed[0]))
    })
  )

/**
 * The answers of a server that cannot carry out commands now, or not this one: it is starting, has no master, is no longer a master, or
 * wants another password. https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#redirection-and-resharding
 */
const elsewhere =
  /^(?:ASK|CLUSTERDOWN|LOADING|MASTERDOWN|MOVED|NOAUTH|NOREPLICAS|READONLY|TRYAGAIN|UNBLOCKED|WRONGPASS) /

/** Redis begins its errors with a word: https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors */
export const redisError = (command: string, cause: unknown): RedisError => {
  const words = cause instanceof Error ? cause.message : String(cause)
  // ioredis names its options instead.
  const message = words.includes("enableOfflineQueue options is false") ? "not connected to Redis" : words
  return new RedisError({
    command,
    reason: reasonFor(message, cause instanceof ReplyError),
    // A cluster client would follow it.
    message: message.startsWith("MOVED ") ? `${message}; this is a cluster: set REDIS_CLUSTER=true` : message
  })
}

const reasonFor = (message: string, isReply: boolean): RedisError["reason"] => {
  if (message.startsWith("NOPERM")) return "Denied"
  return isReply && !elsewhere.test(message) ? "Rejected" : "Unavailable"
}
