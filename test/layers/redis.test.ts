import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import { startRedis } from "../../local/redis.ts"
import { RedisLive } from "../../src/layers/redis/RedisLive.ts"
import { Redis } from "../../src/services/Redis.ts"
import { bytes, testRedisConfig } from "../fixture.ts"

describe.skipIf(inject("redis") === undefined)("RedisLive", () => {
  it.live("takes a server that is no master any more for one that is away", () =>
    Effect.gen(function* () {
      const replica = yield* startRedis(inject("redisBinary") ?? "redis-server", ["--replicaof", "127.0.0.1", "1"])
      const error = yield* Effect.flip(
        Effect.flatMap(Redis, (redis) => redis.push("list", "left", bytes("x"))).pipe(
          Effect.provide(RedisLive),
          Effect.provide(testRedisConfig({ servers: { _tag: "Single", address: replica } }))
        )
      )
      assert.include(error, { _tag: "RedisError", reason: "Unavailable" })
      assert.match(error.message, /^READONLY/)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )
})
