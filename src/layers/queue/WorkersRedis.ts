import { randomBytes } from "node:crypto"
import { Clock, Effect, Layer, Option } from "effect"
import { RedisConfig, WorkerConfig } from "../../services/Config.ts"
import { Redis } from "../../services/Redis.ts"
import { manyDelayed, Workers } from "../../services/Workers.ts"
import { keysOf } from "./keys.ts"
import { parkedAccounts } from "./parkedAccounts.ts"

/** How many delayed payloads are released at a time: what is due must not crowd out what has never been tried. */
const releasedAtOnce = 50

/** How many payloads at the right end of the list are looked at: a few may be there in another order than they were pushed. */
const lookedAt = 1_000

/**
 * Milliseconds. A delayed job that is due for so long cannot be released, since all is paused or every slot taken: it waits like a queued
 * one, and nobody touches its row. One that only waits for its turn is touched when that is looked at.
 */
const overdueAfter = 1_000

/** How many of each account's parked payloads are looked at, and for how many accounts. */
const lookedAtParked = 10
const manyAccounts = 2_000

/** Milliseconds for which a lost worker is remembered: one that was only stopped may take a job before it announces itself again. */
const rememberedFor = 600_000

/** How many workers of one queue, alive or not, are looked at. */
const manyWorkers = 1_000

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()

/**
 * `Workers` over Redis. In the mode `brpop`, where no worker leaves anything behind and an ACL may grant no sorted set, there is
 * little to do.
 */
export const WorkersRedis = Layer.effect(
  Workers,
  Effect.gen(function* () {
    const redis = yield* Redis
    const { fetchMode, queue } = yield* RedisConfig
    const { workerId } = yield* WorkerConfig
    const keys = keysOf(queue)
    const self = Buffer.from(workerId)
    const own = keys.processing(workerId)

    if (fetchMode === "brpop") {
      return Workers.of({
        setAside: Effect.void,
        announce: () => Effect.void,
        retire: Effect.void,
        releaseDue: Effect.void,
        leftovers: Effect.succeed([]),
        reclaim: () => Effect.void,
        discard: () => Effect.void,
        oldest: redis.last(queue).pipe(
          Effect.map(Option.toArray),
          Effect.catchIf(
            (error) => error.reason === "Denied",
            () => Effect.succeed(null)
          )
        ),
        known: Effect.succeed([]),
        delayed: Effect.succeed(0)
      })
    }

    const release = Effect.fnUntraced(function* (until: number, limit: number) {
      const due = yield* redis.lowest(keys.delayed, until, limit)
      // The one that is to be taken first comes last.
      yield* Effect.forEach(due.toReversed(), (payload) => redis.transferFromSet(keys.delayed, keys.queue, payload), {
        concurrency: "unbounded",
        discard: true
      })
    })

    return Workers.of({
      setAside: Effect.gen(function* () {
        const payloads = yield* redis.list(own)
        if (payloads.length === 0) return
        // An id may be the same on every boot, and what is found in its list later must be its own. The earlier boot is made known as lost
        // before it is given anything.
        const earlier = `${workerId}:before-${randomBytes(4).toString("hex")}`
        yield* redis.setScore(keys.workers, Buffer.from(earlier), yield* Clock.currentTimeMillis)
        yield* Effect.forEach(payloads, (payload) => redis.transfer(own, keys.processing(earlier), "right", payload), {
          discard: true
        })
      }),

      announce: (aliveUntil) => redis.setScore(keys.workers, self, aliveUntil),

      retire: Effect.gen(function* () {
        yield* release(Number.POSITIVE_INFINITY, 10_000)
        if ((yield* redis.length(own)) === 0) yield* redis.removeMember(keys.workers, self)
      }),

      releaseDue: Effect.flatMap(Clock.currentTimeMillis, (now) => release(now, releasedAtOnce)),

      leftovers: Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        const lost = yield* redis.lowest(keys.workers, now, manyWorkers)
        const others = yield* Effect.forEach(
          lost.map(text).filter((id) => id !== workerId),
          (id) => Effect.map(redis.list(keys.processing(id)), (payloads) => ({ workerId: id, payloads }))
        )
        const longLost = new Set((yield* redis.lowest(keys.workers, now - rememberedFor, manyWorkers)).map(text))
        yield* Effect.forEach(
          others.filter(({ payloads, workerId: id }) => payloads.length === 0 && longLost.has(id)),
          (other) => redis.removeMember(keys.workers, Buffer.from(other.workerId)),
          { discard: true }
        )
        return others.filter(({ payloads }) => payloads.length > 0)
      }),

      reclaim: (owner, payload) => redis.transfer(keys.processing(owner), keys.queue, "right", payload),
      discard: (owner, payload) => redis.removeFirst(keys.processing(owner), payload),

      // Read in the order in which a job moves: what is released or taken meanwhile is met again in the list, or in its taker's hands.
      oldest: Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        const overdue = yield* redis.lowest(keys.delayed, now - overdueAfter, lookedAt)
        const next = yield* redis.list(keys.queue, lookedAt)
        const all = yield* redis.lowest(keys.workers, Number.POSITIVE_INFINITY, manyWorkers)
        const held = yield* Effect.forEach(all, (id) => redis.list(keys.processing(text(id))))
        const accounts = yield* parkedAccounts(redis, keys, manyAccounts + 1)
        if (accounts.length > manyAccounts) return null
        const parked = yield* Effect.forEach(accounts, (id) => redis.list(keys.parked(id), lookedAtParked), {
          concurrency: "unbounded"
        })
        return [...overdue, ...next, ...parked.flat(), ...held.flat()]
      }),

      known: Effect.gen(function* () {
        const all = yield* redis.scores(keys.workers, manyWorkers)
        const workers = yield* Effect.forEach(
          all.map(({ member, score }) => ({ workerId: text(member), aliveUntil: score })),
          (worker) => Effect.map(redis.length(keys.processing(worker.workerId)), (held) => ({ ...worker, held })),
          { concurrency: "unbounded" }
        )
        return workers.toSorted((one, other) => (one.workerId < other.workerId ? -1 : 1))
      }),
      delayed: Effect.map(
        redis.lowest(keys.delayed, Number.POSITIVE_INFINITY, manyDelayed),
        (payloads) => payloads.length
      )
    })
  })
)
