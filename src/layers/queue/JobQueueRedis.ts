import { randomBytes } from "node:crypto"
import { Clock, Duration, Effect, Layer, Option } from "effect"
import { endsGrant } from "../../domain/endsGrant.ts"
import { monotonicMillis } from "../../domain/monotonicMillis.ts"
import type { AccountCount } from "../../domain/Request.ts"
import { RedisConfig, WorkerConfig } from "../../services/Config.ts"
import { type Delivery, JobQueue } from "../../services/JobQueue.ts"
import { type ListEnd, Redis, RedisError } from "../../services/Redis.ts"
import { encodeDeadLetter } from "./deadLetter.ts"
import { keysOf } from "./keys.ts"
import { parkedAccounts } from "./parkedAccounts.ts"

/** Short, since a drain waits for it: a take is not interrupted. BRPOP of Redis < 6 takes whole seconds only. */
const waitForPayload = Duration.seconds(1)

/** Milliseconds for which Redis may still move payloads for a take whose connection broke on our side alone, with a margin. */
const staleFor = 2 * Duration.toMillis(waitForPayload)

/** In the mode `brpop`, whose ACL may grant no commands on sorted sets, a delayed payload stays in our hands, for this long at most. */
const longestHold = Duration.seconds(1)

/** How many accounts' parked payloads are looked at in one go. */
const accountsAtOnce = 50

/** How many accounts' parked payloads are counted. */
const accountsCounted = 10_000

const equals = (payload: Uint8Array) => (other: Uint8Array) => Buffer.compare(payload, other) === 0

/** `JobQueue` over Redis, in both fetch modes. */
export const JobQueueRedis = Layer.effect(
  JobQueue,
  Effect.gen(function* () {
    const redis = yield* Redis
    const { fetchMode, queue } = yield* RedisConfig
    const { workerId } = yield* WorkerConfig

    const keys = keysOf(queue)
    const reliable = fetchMode === "blmove"
    const processing = keys.processing(workerId)

    // A worker id may be the same on every boot, and a take has to be told apart from those of an earlier boot.
    const boot = randomBytes(4).toString("hex")
    let takes = 0

    /** What was taken and has not left our hands yet. */
    const held = new Set<Delivery>()
    const hold = (payload: Uint8Array): Delivery => {
      const delivery = { payload, take: `${boot}-${++takes}` }
      held.add(delivery)
      return delivery
    }
    const letGo = (delivery: Delivery) => Effect.sync(() => held.delete(delivery))

    /**
     * If we were taken for lost, what we still held may have come to us again: then two deliveries share one element of our list, and the
     * one that remains needs it.
     */
    const isShared = (delivery: Delivery) => {
      const others = Array.from(held).filter((it) => it !== delivery && equals(delivery.payload)(it.payload)).length
      if (others === 0) return Effect.succeed(false)
      return Effect.map(redis.list(processing), (all) => all.filter(equals(delivery.payload)).length <= others)
    }

    /** In the mode `brpop` no list holds the payload; in `blmove`, our processing list does. */
    const remove = (delivery: Delivery) =>
      Effect.suspend(() =>
        // Out of our hands first: of equal payloads that are removed at once, each leaves the others theirs. And a retry after it was done
        // would remove another's.
        held.delete(delivery) && reliable
          ? isShared(delivery).pipe(
              Effect.flatMap((shared) => (shared ? Effect.void : redis.removeFirst(processing, delivery.payload))),
              Effect.tapError(() => Effect.sync(() => held.add(delivery)))
            )
          : Effect.void
      )
    const move = (end: "left" | "right") => (delivery: Delivery) =>
      (reliable
        ? redis.transfer(processing, queue, end, delivery.payload)
        : redis.push(queue, end, delivery.payload)
      ).pipe(Effect.tap(letGo(delivery)))

    const forgetStatus = (correlationId: string) => redis.delete(keys.cachedStatus(correlationId))

    /**
     * Until when our processing list may receive payloads that we have never seen, from takes whose answers were lost. Infinite until the
     * list has been looked at, since Redis may be away for long.
     */
    let strandedUntil = Number.NEGATIVE_INFINITY
    const findStranded = Effect.gen(function* () {
      const known = Array.from(held, ({ payload }) => payload)
      for (const payload of yield* redis.list(processing)) {
        const index = known.findIndex(equals(payload))
        if (index < 0) return Option.some(hold(payload))
        known.splice(index, 1)
      }
      strandedUntil = Math.min(strandedUntil, (yield* monotonicMillis) + staleFor)
      return Option.none<Delivery>()
    })

    /** How many payloads to ask for at once: twice as many as came, so that hardly any are asked for in vain. */
    let expected = 1
    const takeWaiting = (most: number) =>
      expected < 2 || most < 2
        ? Effect.succeed([])
        : redis.moveLast(queue, processing, Math.min(most, expected)).pipe(
            // Not needed, only faster: so a refusal does not matter.
            Effect.catchIf(
              (error) => error.reason !== "Unavailable",
              () => Effect.succeed([])
            )
          )
    const takeOne = Effect.map(
      reliable ? redis.moveLastWait(queue, processing, waitForPayload) : redis.popLastWait(queue, waitForPayload),
      Option.toArray
    )
    const mayStrand = <A>(take: Effect.Effect<A, RedisError>) =>
      Effect.tapError(take, (error) =>
        Effect.sync(() => {
          if (error.reason === "Unavailable") strandedUntil = Number.POSITIVE_INFINITY
        })
      )
    const takeNew = Effect.fnUntraced(function* (most: number) {
      const waiting = reliable ? yield* takeWaiting(most) : []
      const payloads = waiting.length > 0 ? waiting : yield* takeOne
      expected = 2 * payloads.length
      return payloads.map(hold)
    })

    const countParked = reliable
      ? parkedAccounts(redis, keys, accountsCounted).pipe(
          Effect.flatMap(
            Effect.forEach(
              (accountId) => Effect.map(redis.length(keys.parked(accountId)), (count) => ({ accountId, count })),
              { concurrency: "unbounded" }
            )
          ),
          Effect.map((all) => all.filter(({ count }) => count > 0))
        )
      : Effect.succeed<ReadonlyArray<AccountCount>>([])

    /** Tries each command once, for an account that does not exist. SADD only once SREM is known to be granted. */
    const tryParking = Effect.all(
      [
        redis.someOf(keys.parkedAccounts, 1),
        redis.moveLast(keys.parked("none"), processing, 1),
        redis.forget(keys.parkedAccounts, "none"),
        redis.note(keys.parkedAccounts, "none"),
        redis.forget(keys.parkedAccounts, "none")
      ],
      { discard: true }
    ).pipe(
      Effect.as(true),
      Effect.catchIf(
        (error) => error.reason === "Denied",
        ({ command }) =>
          Effect.as(Effect.logWarning(`accounts get no fair shares: the Redis ACL does not grant ${command}`), false)
      )
    )

    return JobQueue.of({
      take: (most) =>
        Effect.flatMap(monotonicMillis, (now) =>
          reliable && now < strandedUntil
            ? Effect.flatMap(findStranded, (found) =>
                Option.isSome(found) ? Effect.succeed([found.value]) : takeNew(most)
              )
            : takeNew(most)
        ).pipe(mayStrand, Effect.mapError(withRemedy)),
      remove,
      finish: (delivery, correlationId) =>
        Effect.all([remove(delivery), forgetStatus(correlationId)], { concurrency: "unbounded", discard: true }),
      requeue: move("left"),
      giveBack: move("right"),
      delay: (delivery, time) =>
        reliable
          ? Effect.flatMap(Clock.currentTimeMillis, (now) =>
              redis.transferToSet(processing, keys.delayed, now + Duration.toMillis(time), delivery.payload)
            ).pipe(Effect.tap(letGo(delivery)))
          : Effect.andThen(Effect.sleep(Duration.min(time, longestHold)), move("left")(delivery)),
      canPark: reliable ? tryParking : Effect.succeed(false),
      park: Effect.fnUntraced(function* (deliveries, accountId) {
        const parked = keys.parked(accountId)
        // If this is a retry, some may have been moved before.
        const ours = deliveries.filter((delivery) => held.has(delivery))
        const move = Effect.fnUntraced(function* (end: ListEnd, some: ReadonlyArray<Delivery>) {
          if (some.length === 0) return
          const payloads = some.map(({ payload }) => payload)
          yield* redis.transferAndNote(processing, parked, end, payloads, keys.parkedAccounts, accountId)
          yield* Effect.forEach(some, letGo, { discard: true })
        })
        yield* move(
          "left",
          ours.filter(({ payload }) => !endsGrant(payload))
        )
        // The one that is to be taken first comes last.
        yield* move("right", ours.filter(({ payload }) => endsGrant(payload)).toReversed())
      }),
      takeParked: Effect.fnUntraced(function* (accountId) {
        const [payload] = yield* redis.moveLast(keys.parked(accountId), processing, 1).pipe(mayStrand)
        if (payload !== undefined) return Option.some(hold(payload))
        yield* redis.forget(keys.parkedAccounts, accountId)
        // Another payload may have been parked just before.
        if ((yield* redis.length(keys.parked(accountId))) > 0) yield* redis.note(keys.parkedAccounts, accountId)
        return Option.none()
      }),
      parkedAccounts: parkedAccounts(redis, keys, accountsAtOnce),
      deadLetter: (payload, letter) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) =>
          redis.push(keys.deadLetters, "left", encodeDeadLetter(payload, letter, workerId, now))
        ),
      forgetStatus,
      submit: (payload) => redis.push(queue, "left", payload),
      submitFirst: (payload) => redis.push(queue, "right", payload),
      stats: Effect.all(
        {
          waiting: redis.length(queue),
          parked: countParked,
          deadLetters: redis.length(keys.deadLetters),
          oldest: redis.last(queue)
        },
        { concurrency: "unbounded" }
      ).pipe(
        Effect.map(({ waiting, ...rest }) => ({
          ...rest,
          depth: waiting + rest.parked.reduce((sum, { count }) => sum + count, 0)
        }))
      )
    })
  })
)

/** A Redis that knows no BLMOVE, or an ACL that does not grant it, will not change by waiting. */
const withRemedy = (error: RedisError): RedisError =>
  error.command !== "BLMOVE" || !(error.reason === "Denied" || error.message.includes("unknown command"))
    ? error
    : new RedisError({
        command: error.command,
        reason: error.reason,
        message: `${error.message}; grant it, or set REDIS_FETCH_MODE=brpop`
      })
