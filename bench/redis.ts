import { Effect } from "effect"
import type { Redis } from "ioredis"
import { BenchFailure } from "./BenchFailure.ts"
import { Servers } from "./servers.ts"

/** Runs a command on the bench's own connection. */
export const onRedis = <A>(run: (redis: Redis) => Promise<A>) =>
  Effect.flatMap(Servers, ({ redisClient }) =>
    Effect.tryPromise({
      try: () => run(redisClient),
      catch: (cause) => new BenchFailure({ message: `Redis: ${String(cause)}` })
    })
  )
