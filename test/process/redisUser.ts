import { randomUUID } from "node:crypto"
import { Effect } from "effect"
import { World } from "./world.ts"

/** A Redis user with these commands, on the worker's keys and no others: the variables that name it. */
export const redisUser = Effect.fnUntraced(function* (commands: ReadonlyArray<string>) {
  const { queue, redis } = yield* World
  const name = `user-${randomUUID()}`
  const keys = [`~${queue}`, `~${queue}_error`, `~{${queue}}:*`, "~cache:status:*"]
  const granted = commands.map((command) => `+${command}`)
  yield* Effect.acquireRelease(
    Effect.promise(() =>
      redis.acl("SETUSER", name, "on", ">acl-secret", "resetchannels", ...keys, "-@all", ...granted)
    ),
    () => Effect.promise(() => redis.acl("DELUSER", name))
  )
  return { REDIS_USERNAME: name, REDIS_PASSWORD: "acl-secret" }
})
