import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Redis } from "ioredis"
import { redisError } from "../../src/layers/redis/RedisLive.ts"

describe("an error of Redis", () => {
  it.live("that has no connection says so, in no words about the client's options", () =>
    Effect.gen(function* () {
      const client = new Redis({
        lazyConnect: true,
        enableOfflineQueue: false,
        host: "127.0.0.1",
        port: 1,
        retryStrategy: () => null
      })
      client.on("error", () => undefined)
      const { message, reason } = yield* Effect.flip(
        Effect.tryPromise({ try: () => client.zadd("key", 1, "member"), catch: (cause) => redisError("ZADD", cause) })
      )
      assert.deepStrictEqual([reason, message], ["Unavailable", "not connected to Redis"])
    })
  )
})
