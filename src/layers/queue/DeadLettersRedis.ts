import { Effect, Layer, Option, Stream } from "effect"
import { RedisConfig } from "../../services/Config.ts"
import { DeadLetters } from "../../services/DeadLetters.ts"
import { Redis } from "../../services/Redis.ts"
import { decodeDeadLetter } from "./deadLetter.ts"
import { keysOf } from "./keys.ts"

/** How many letters are read at a time where all are looked at. */
const pageSize = 500

/** `DeadLetters` over the list of dead letters, into which workers push at the left. */
export const DeadLettersRedis = Layer.effect(
  DeadLetters,
  Effect.gen(function* () {
    const redis = yield* Redis
    const { queue } = yield* RedisConfig
    const key = keysOf(queue).deadLetters

    const list = ({ limit, offset }: { readonly offset: number; readonly limit: number }) =>
      Effect.map(redis.page(key, offset, limit), (letters) => letters.map(decodeDeadLetter))
    const all = Stream.paginate(0, (offset) =>
      Effect.map(list({ offset, limit: pageSize }), (letters) => [
        letters,
        letters.length < pageSize ? Option.none() : Option.some(offset + pageSize)
      ])
    )

    return DeadLetters.of({
      list,
      all,
      find: (id) =>
        all.pipe(
          Stream.filter((letter) => letter.id === id),
          Stream.runHead
        ),
      drop: ({ bytes }) => redis.removeFirst(key, bytes)
    })
  })
)
