import { describe } from "@effect/vitest"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Layer } from "effect"
import { inject } from "vitest"
import { RedisMemory } from "../../src/layers/memory/RedisMemory.ts"
import { RedisLive } from "../../src/layers/redis/RedisLive.ts"
import { testRedisConfig } from "../fixture.ts"
import { deadLettersContract } from "./deadLetters.ts"
import { jobQueueContract } from "./jobQueue.ts"
import { pausesContract } from "./pauses.ts"
import { redisContract } from "./redis.ts"
import { workersContract } from "./workers.ts"

redisContract("in memory", RedisMemory)
jobQueueContract("in memory", RedisMemory)
workersContract("in memory", RedisMemory)
deadLettersContract("in memory", RedisMemory)
pausesContract("in memory", RedisMemory)

const server = inject("redis")

describe.skipIf(server === undefined)("on a real server", () => {
  const live = RedisLive.pipe(
    Layer.provide(testRedisConfig(server === undefined ? {} : { servers: { _tag: "Single", address: server } })),
    Layer.provide(NodeFileSystem.layer)
  )
  redisContract("ioredis", live)
  jobQueueContract("ioredis", live)
  workersContract("ioredis", live)
  deadLettersContract("ioredis", live)
  pausesContract("ioredis", live)
})
