import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { Redis as Client } from "ioredis"
import { inject } from "vitest"
import { startRedis } from "../../local/redis.ts"
import { World } from "./world.ts"

/** A Redis of the test's own, started with further arguments, and the environment that points a worker at it. */
export const privateRedis = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
  const server = yield* Effect.provide(startRedis(inject("redisBinary") ?? "redis-server", args), NodeServices.layer)
  const { env } = yield* World
  return { server, env: { ...env, REDIS_HOST: server.host, REDIS_PORT: String(server.port) } }
})

/** Runs a test in a world whose Redis is this one. */
export const inPrivateRedis =
  (...args: ReadonlyArray<string>) =>
  <A, E, R>(test: Effect.Effect<A, E, R>) =>
    Effect.gen(function* () {
      const world = yield* World
      const { env, server } = yield* privateRedis(...args)
      const redis = yield* Effect.acquireRelease(
        Effect.sync(() => new Client({ ...server, maxRetriesPerRequest: 1 })),
        (client) => Effect.sync(() => client.disconnect())
      )
      return yield* Effect.provideService(test, World, World.of({ ...world, env, redis }))
    })
