import { Effect, Option, References } from "effect"
import type { Clock } from "effect"
import { Timeout, Throttling, type AwsError } from "../../src/domain/AwsError.ts"
import { operationOf, type PolicyChange } from "../../src/domain/PolicyChange.ts"
import { AwsIamControl } from "../../src/layers/memory/AwsIamMemory.ts"
import { keysOf } from "../../src/layers/queue/keys.ts"
import { AwsIam } from "../../src/services/AwsIam.ts"
import { Grants } from "../../src/services/Grants.ts"
import { JobStore } from "../../src/services/JobStore.ts"
import { Redis } from "../../src/services/Redis.ts"
import { aJob, queue } from "../fixture.ts"
import { makeLedger } from "./ledger.ts"
import type { Process } from "./process.ts"

export type AwsTrouble = "throttled" | "lost before" | "lost after"

export const keys = keysOf(queue)

export const idIn = (payload: Uint8Array) =>
  /"correlation_id":"([^"]+)"/.exec(Buffer.from(payload).toString())?.[1] ?? "none"

/** That of all requests. */
const account = aJob().account_id

/** What the workers share: the three fakes, and the ledger of what happens in them. */
export const makeShared = Effect.gen(function* () {
  const redis = yield* Redis
  const store = yield* JobStore
  const grants = yield* Grants
  const iam = yield* AwsIam
  const { attachments } = yield* AwsIamControl
  const clock: Clock.Clock = yield* Effect.clockWith(Effect.succeed)
  const ledger = makeLedger()
  const processes: Array<Process> = []
  const awsTroubles: Array<AwsTrouble> = []
  let redisLost = false
  const down = { database: false, redis: false }

  const lists = () => [keys.queue, keys.parked(account), ...processes.map(({ workerId }) => keys.processing(workerId))]
  const payloads = Effect.gen(function* () {
    const listed = yield* Effect.forEach(lists(), (key) => redis.list(key))
    return [...listed.flat(), ...(yield* redis.lowest(keys.delayed, Number.POSITIVE_INFINITY, 1_000))]
  })

  /**
   * Payloads that nobody will ever look at: a worker that was killed before it had announced itself again to a Redis that lost
   * its data. Their requests are found as orphans.
   */
  const forsaken = Effect.gen(function* () {
    const members = yield* redis.lowest(keys.workers, Number.POSITIVE_INFINITY, 1_000)
    const known = new Set(members.map((id) => Buffer.from(id).toString()))
    const unknown = processes.filter(({ isGone, workerId }) => isGone() && !known.has(workerId))
    return (yield* Effect.forEach(unknown, ({ workerId }) => redis.list(keys.processing(workerId)))).flat()
  })
  const payloadsLeft = Effect.gen(function* () {
    const all = yield* payloads
    return redisLost ? all.length - (yield* forsaken).length : all.length
  })

  /** Every unfinished request has a payload in Redis, at every moment. */
  const checkPlaces = Effect.gen(function* () {
    // Twice, since a payload may move from a place not read yet to one that was while this reads.
    const placed = new Set([...(yield* payloads), ...(yield* payloads)].map(idIn))
    for (const { job, lostByRedis, takenFrom } of ledger.unfinished()) {
      if (!lostByRedis && takenFrom === undefined && !placed.has(job.correlation_id)) {
        ledger.broken.add(`a place: ${ledger.label(job.correlation_id)} has none`)
      }
    }
  })

  /** Ends that are to come, which the ledger does not know before they are claimed. */
  const openEnds = Effect.map(
    grants.list({ accountId: Option.none(), principal: Option.none() }),
    (ends) => ends.filter(({ status }) => status !== "FAILED").length
  )

  const loseRedis = Effect.gen(function* () {
    redisLost = true
    yield* Effect.forEach([...lists(), keys.delayed, keys.workers, keys.parkedAccounts], (key) => redis.delete(key))
    for (const request of ledger.requests.values()) request.lostByRedis = true
  })

  /** AWS itself carries a call out, and knows from the caller's trace for which request. */
  const carryOut = (change: PolicyChange, { workerId }: Process) =>
    Effect.gen(function* () {
      const { correlation_id } = yield* References.CurrentLogAnnotations
      return yield* Effect.tap(iam.apply(change), () =>
        Effect.sync(() => ledger.carriedOut({ correlationId: String(correlation_id), action: change.action }, workerId))
      )
    })

  const trouble = (
    change: PolicyChange
  ): { readonly when: "before" | "after"; readonly error: AwsError } | undefined => {
    const next = awsTroubles.shift()
    if (next === undefined) return
    const fields = { message: "in the model", operation: operationOf(change) }
    return next === "throttled"
      ? { when: "before", error: new Throttling({ code: "Throttling", ...fields }) }
      : { when: next === "lost before" ? "before" : "after", error: new Timeout({ code: "TimeoutError", ...fields }) }
  }

  return {
    attachments,
    awsTroubles,
    carryOut,
    checkPlaces,
    clock,
    down,
    iam,
    ledger,
    loseRedis,
    openEnds,
    payloadsLeft,
    processes,
    redis,
    store,
    trouble
  }
})
export type Shared = Effect.Success<typeof makeShared>
