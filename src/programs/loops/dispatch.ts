import { Cause, Duration, Effect, FiberSet, Metric, Option, Ref, Result, Semaphore } from "effect"
import { maxPayloadBytes } from "../../domain/Job.ts"
import * as metrics from "../../domain/metrics.ts"
import { AccountShares } from "../../services/AccountShares.ts"
import { WorkerConfig } from "../../services/Config.ts"
import { type Delivery, JobQueue } from "../../services/JobQueue.ts"
import { WorkerStatus } from "../../services/WorkerStatus.ts"
import { isHeldUp } from "./heldUp.ts"
import { persist } from "../job/persist.ts"
import { processJob } from "../processJob.ts"
import { takeNext } from "./takeNext.ts"

/** How many of the accounts with parked jobs are looked at for one slot. */
const lookedAt = 50

/** How many payloads are taken at once, however few slots are free, after a take that was parked whole: the next may be, too. */
const parkedAtOnce = 32

interface Job {
  readonly delivery: Delivery
  /** Undefined: it has no share. */
  readonly accountId: string | undefined
}

/**
 * Gives each job a fiber: no more at once than there are slots, and of one account no more than its share. What its account has no
 * place for is parked, once; whoever has a place for it next takes it from there.
 */
export const makeDispatch = Effect.gen(function* () {
  const queue = yield* JobQueue
  const shares = yield* AccountShares
  const { paused, phase } = yield* WorkerStatus
  const { concurrency } = yield* WorkerConfig
  const slots = yield* Semaphore.make(concurrency)
  const inFlight = yield* FiberSet.make()
  /** Accounts for which payloads are parked, as far as this worker knows: their further payloads go behind those. */
  const parked = new Set<string>()
  let parkedNext = false
  let loopWaits = false
  let allParked = false
  const canPark = yield* Effect.cached(persist(queue.canPark))

  const mayTake = Effect.gen(function* () {
    return (yield* Ref.get(phase)) === "running" && !(yield* isHeldUp)
  })
  const free = Effect.map(FiberSet.size(inFlight), (size) => concurrency - size)

  const isPaused = (accountId: string) => Effect.map(Ref.get(paused), ({ accounts }) => accounts.has(accountId))

  /** The account's next parked job, if the account has a place for it, which is then taken. */
  const takeParked = Effect.fnUntraced(function* (accountId: string) {
    if ((yield* isPaused(accountId)) || !(yield* shares.enter(accountId))) return Option.none<Job>()
    const taken = yield* Effect.result(queue.takeParked(accountId))
    if (Result.isSuccess(taken) && Option.isSome(taken.success)) {
      return Option.some<Job>({ accountId, delivery: taken.success.value })
    }
    // If Redis is away, others report it; the next look is soon.
    if (Result.isSuccess(taken)) parked.delete(accountId)
    yield* shares.leave(accountId)
    return Option.none<Job>()
  })

  /** One parked job, of each account in turn. */
  const nextParked = Effect.gen(function* () {
    if (!(yield* mayTake)) return Option.none<Job>()
    for (const accountId of Array.from(parked).slice(0, lookedAt)) {
      parked.delete(accountId)
      parked.add(accountId)
      const next = yield* takeParked(accountId)
      if (Option.isSome(next)) return next
    }
    return Option.none<Job>()
  })

  /** The next job for a slot: in turn a parked one and, if the loop below waits for a slot, one from the queue. */
  const nextOf = Effect.suspend(() => {
    parkedNext = !parkedNext
    return parkedNext || !loopWaits ? nextParked : Effect.succeed(Option.none<Job>())
  })

  const leave = (accountId: string | undefined) => (accountId === undefined ? Effect.void : shares.leave(accountId))

  const work = ({ accountId, delivery }: Job) =>
    Effect.acquireUseRelease(
      Metric.modify(metrics.jobsInFlight, 1),
      () => processJob(delivery).pipe(Effect.catchDefect((defect) => survive(delivery, defect))),
      () => Effect.andThen(Metric.modify(metrics.jobsInFlight, -1), leave(accountId))
    )

  /** Works on the job in the slot that was taken for it, and then on others. */
  const run = (first: Job) =>
    Effect.gen(function* () {
      let job = Option.some(first)
      while (Option.isSome(job)) {
        yield* work(job.value)
        job = yield* nextOf
      }
    }).pipe(
      Effect.ensuring(Semaphore.release(slots, 1)),
      Effect.uninterruptible,
      (fiber) => FiberSet.run(inFlight, fiber),
      Effect.asVoid
    )

  /** Starts parked jobs in the slots that nobody has. */
  const fillSlots = Effect.gen(function* () {
    while (parked.size > 0 && (yield* Semaphore.takeIfAvailable(slots, 1))) {
      const next = yield* nextParked
      if (Option.isNone(next)) {
        yield* Semaphore.release(slots, 1)
        return
      }
      yield* run(next.value)
    }
  })

  /** Starts jobs that other workers parked, or that wait for the pace of their accounts. */
  const startParked = Effect.gen(function* () {
    if ((yield* free) < 1 || !(yield* mayTake) || !(yield* canPark)) return
    for (const accountId of yield* queue.parkedAccounts) parked.add(accountId)
    yield* fillSlots
  }).pipe(Effect.uninterruptible)

  const takeSlot = Effect.suspend(() => {
    loopWaits = true
    return Effect.interruptible(Semaphore.take(slots, 1))
  }).pipe(Effect.ensuring(Effect.sync(() => (loopWaits = false))))

  /** Whether the account has a place for one more job, which is then taken, and none of its jobs waits for one. */
  const enter = (accountId: string) =>
    Effect.flatMap(isPaused(accountId), (pausedNow) =>
      pausedNow || parked.has(accountId) ? Effect.succeed(false) : shares.enter(accountId)
    )

  /** Waits for payloads and starts their jobs. What arrives when no jobs are to be taken any more goes back at once. */
  const takeAndStart = Effect.gen(function* () {
    // Until a payload comes, parked jobs may have the slot.
    yield* Effect.andThen(takeSlot, Semaphore.release(slots, 1))
    const taken = yield* takeNext(Math.max(yield* free, allParked ? parkedAtOnce : 1))
    const mayPark = yield* canPark
    const homeless = new Map<string, Array<Delivery>>()
    yield* Effect.gen(function* () {
      for (const [index, delivery] of taken.entries()) {
        const accountId = mayPark ? accountOf(delivery.payload) : undefined
        if (accountId !== undefined && !(yield* enter(accountId))) {
          parked.add(accountId)
          homeless.set(accountId, [...(homeless.get(accountId) ?? []), delivery])
          continue
        }
        // The last one first, so that the first one is taken next.
        const giveBack = Effect.forEach(taken.slice(index).toReversed(), (it) => persist(queue.giveBack(it)), {
          discard: true
        }).pipe(Effect.andThen(leave(accountId)))
        yield* Effect.interruptible(Effect.yieldNow).pipe(
          Effect.andThen(takeSlot),
          Effect.onInterrupt(() => giveBack)
        )
        if (yield* isHeldUp) {
          yield* giveBack
          yield* Semaphore.release(slots, 1)
          return
        }
        yield* run({ delivery, accountId })
      }
    }).pipe(
      Effect.ensuring(
        Effect.suspend(() =>
          Effect.forEach(homeless, ([accountId, deliveries]) => persist(queue.park(deliveries, accountId)), {
            concurrency: "unbounded",
            discard: true
          })
        )
      )
    )
    allParked = taken.length > 0 && Array.from(homeless.values()).flat().length === taken.length
    yield* fillSlots
  }).pipe(Effect.uninterruptible)

  return { canPark, inFlight, free, takeAndStart, startParked }
})

/**
 * Undefined: a payload that names no account is not a job, and is dealt with as such. Not decoded, which would cost more than all the rest
 * of dispatching: a payload that deceives this is only counted for another account.
 */
const accountOf = (payload: Uint8Array): string | undefined =>
  payload.length > maxPayloadBytes
    ? undefined
    : /"account_id"\s*:\s*"(\d{12})"/.exec(
        Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString("latin1")
      )?.[1]

/** Milliseconds before a payload that breaks the worker itself comes up again. */
const defectDelay = 1_000

/**
 * A fault in the worker's own code, outside the work under a claim: the worker goes on, and the job comes up again when the lease of a claim
 * that may have been made would be over. Any sooner, it would pass for a duplicate.
 */
const survive = Effect.fnUntraced(function* (delivery: Delivery, defect: unknown) {
  const queue = yield* JobQueue
  const { lease, recoveryInterval } = yield* WorkerConfig
  yield* Effect.logError("a fault in the worker", Cause.die(defect))
  // In the mode `brpop` nothing can be delayed for long.
  yield* Effect.ignore(Effect.interruptible(Effect.sleep(defectDelay)))
  yield* persist(queue.delay(delivery, Duration.sum(lease, Duration.times(recoveryInterval, 2))))
})
