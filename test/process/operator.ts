import { Effect } from "effect"
import { redisUser } from "./redisUser.ts"
import { World } from "./world.ts"

/** What an operator's Redis user needs for all commands, as the README tells to grant it. */
const grants = ["ping", "llen", "lindex", "lrange", "srandmember", "zrangebyscore", "lpush", "lrem", "del"]

/** The environment of an operator: a Redis user of his own, and the worker's role in the database. */
export const operator = Effect.gen(function* () {
  const { env } = yield* World
  const user = yield* redisUser(grants)
  const { DB_HOST, DB_NAME, DB_PASSWORD, DB_PORT, DB_USER, REDIS_HOST, REDIS_PORT, REDIS_QUEUE_AWS } = env
  return {
    redis: {
      REDIS_HOST: REDIS_HOST ?? "",
      REDIS_PORT: REDIS_PORT ?? "",
      REDIS_QUEUE_AWS: REDIS_QUEUE_AWS ?? "",
      ...user
    },
    database: {
      DB_HOST: DB_HOST ?? "",
      DB_NAME: DB_NAME ?? "",
      DB_PASSWORD: DB_PASSWORD ?? "",
      DB_PORT: DB_PORT ?? "",
      DB_USER: DB_USER ?? ""
    }
  }
})

/** What a command writes in these lines. */
export const said = (...lines: ReadonlyArray<string>) => `${lines.join("\n")}\n`
