import { DateTime, Effect, Layer, Option, Schema } from "effect"
import { Pause } from "../../domain/Pause.ts"
import { RedisConfig } from "../../services/Config.ts"
import { Pauses } from "../../services/Pauses.ts"
import { Redis } from "../../services/Redis.ts"
import { keysOf } from "./keys.ts"

/** How many pauses are looked at. A scope has more than one only if two operators paused it at the same instant. */
const most = 10_000

const Json = Schema.fromJsonString(Pause)
const decode = Schema.decodeUnknownOption(Json)
const encode = Schema.encodeEffect(Json)

/** `Pauses` as JSON in a sorted set, scored with their time: it needs only commands that each worker may use anyway. */
export const PausesRedis = Layer.effect(
  Pauses,
  Effect.gen(function* () {
    const redis = yield* Redis
    const { queue } = yield* RedisConfig
    const key = keysOf(queue).paused
    const members = redis.lowest(key, Number.POSITIVE_INFINITY, most)
    const withdraw = Effect.fnUntraced(function* (scope: string) {
      const withdrawn = (yield* members).filter((member) => pauseOf(member).scope === scope)
      yield* Effect.forEach(withdrawn, (member) => redis.removeMember(key, member), { discard: true })
      return withdrawn.length > 0
    })
    return Pauses.of({
      all: Effect.map(members, (all) => all.map(pauseOf)),
      pause: Effect.fnUntraced(function* (pause) {
        yield* withdraw(pause.scope)
        const json = yield* Effect.orDie(encode(pause))
        yield* redis.setScore(key, Buffer.from(json), DateTime.toEpochMillis(pause.at))
      }),
      resume: withdraw
    })
  })
)

const pauseOf = (member: Uint8Array): Pause =>
  Option.getOrElse(
    decode(Buffer.from(member).toString()),
    // Whatever it was meant to stop, it stops all.
    () =>
      new Pause({ scope: "all", by: "unknown", why: "its entry in Redis cannot be read", at: DateTime.makeUnsafe(0) })
  )
