import { randomUUID } from "node:crypto"
import { Effect } from "effect"
import { World } from "./world.ts"

/** What an operator's Redis user needs for all commands, as the README tells to grant it. */
const grants = ["ping", "llen", "lindex", "lrange", "srandmember", "zrangebyscore", "lpush", "lrem", "del"]

/** The environment of an operator: a Redis user of his own, and the worker's role in the database. */
export const operator = Effect.gen(function* () {
  const { env, queue, redis } = yield* World
  const name = `operator-${randomUUID()}`
  const keys = [`~${queue}`, `~${queue}_error`, `~{${queue}}:*`, "~cache:status:*"]
  yield* Effect.acquireRelease(
    Effect.promise(() =>
      redis.acl(
        "SETUSER",
        name,
        "on",
        ">acl-secret",
        "resetchannels",
        ...keys,
        "-@all",
        ...grants.map((it) => `+${it}`)
      )
    ),
    () => Effect.promise(() => redis.acl("DELUSER", name))
  )
  const { DB_HOST, DB_NAME, DB_PASSWORD, DB_PORT, DB_USER, REDIS_HOST, REDIS_PORT, REDIS_QUEUE_AWS } = env
  return {
    redis: {
      REDIS_HOST: REDIS_HOST ?? "",
      REDIS_PORT: REDIS_PORT ?? "",
      REDIS_QUEUE_AWS: REDIS_QUEUE_AWS ?? "",
      REDIS_USERNAME: name,
      REDIS_PASSWORD: "acl-secret"
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
