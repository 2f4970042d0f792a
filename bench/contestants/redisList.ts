import { Effect } from "effect"
import type { JobPlace } from "../Contestant.ts"
import { queue } from "../plan.ts"
import { onRedis } from "../redis.ts"

/** Payloads in one LPUSH. */
const pushAtOnce = 1_000

export const staged = "bench:staged"

/** The API's list. */
export const redisList: JobPlace = {
  stage: Effect.fnUntraced(function* (payloads) {
    for (let start = 0; start < payloads.length; start += pushAtOnce) {
      yield* onRedis((redis) => redis.lpush(staged, ...payloads.slice(start, start + pushAtOnce)))
    }
  }),
  release: () => onRedis((redis) => redis.rename(staged, queue)),
  left: onRedis(async (redis) => {
    const keys = await redis.keys(`{${queue}}:*`)
    const held = keys.filter((key) => !key.endsWith(":workers"))
    const lists = await Promise.all(
      [queue, `${queue}_error`].map(async (key) => ((await redis.llen(key)) > 0 ? [key] : []))
    )
    return [...lists.flat(), ...held]
  })
}
