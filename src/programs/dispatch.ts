import { Cause, Effect, FiberSet, Metric, Option, Ref, Result, Schema, Semaphore } from "effect"
import { AccountId } from "../domain/Job.ts"
import * as metrics from "../domain/metrics.ts"
import { AccountShares } from "../services/AccountShares.ts"
import { WorkerConfig } from "../services/Config.ts"
import { type Delivery, JobQueue } from "../services/JobQueue.ts"
import { WorkerStatus } from "../services/WorkerStatus.ts"
import { persist } from "./persist.ts"
import { processJob } from "./processJob.ts"
import { takeNext } from "./takeNext.ts"

/**
 * Gives each job a fiber: no more at once than there are slots, and of one account no more than its share. What its account has no
 * place for is parked, once; whoever has a place for it next takes it from there.
 */
export const makeDispatch = Effect.gen(function* () {
  const queue = yield* JobQueue
  const shares = yield* AccountShares
  const { credentialsFault, phase } = yield* WorkerStatus
  const { concurrency } = yield* WorkerConfig
  const slots = yield* Semaphore.make(concurrency)
  const inFlight = yield* FiberSet.make()
  /** Accounts for which payloads are parked, as far as this worker knows: others of theirs go behind those. */
  const parked = new Set<string>()

  const mayTake = Effect.gen(function* () {
    return (yield* Ref.get(phase)) === "running" && Option.isNone(yield* Ref.get(credentialsFault))
  })
  const free = Effect.map(FiberSet.size(inFlight), (size) => concurrency - size)

  /** The account's next parked job, if it has a place for it. Then the place is taken. */
  const takeParked = Effect.fnUntraced(function* (accountId: string) {
    if (!parked.has(accountId) || !(yield* mayTake) || !(yield* shares.enter(accountId))) return Option.none<Delivery>()
    const taken = yield* Effect.result(queue.takeParked(accountId))
    if (Result.isSuccess(taken) && Option.isSome(taken.success)) return taken.success
    // Redis being away is for others to tell; the next look is soon.
    if (Result.isSuccess(taken)) parked.delete(accountId)
    yield* shares.leave(accountId)
    return Option.none<Delivery>()
  })

  /** A job of an account that has a place for it, and then those of the account that wait for the place. */
  const workFor = (accountId: string, delivery: Delivery): ReturnType<typeof work> =>
    Effect.ensuring(work(delivery), shares.leave(accountId)).pipe(
      Effect.andThen(takeParked(accountId)),
      Effect.flatMap(Option.match({ onNone: () => Effect.void, onSome: (next) => workFor(accountId, next) }))
    )

  const run = (job: ReturnType<typeof work>) =>
    FiberSet.run(inFlight, Effect.uninterruptible(Effect.ensuring(job, Semaphore.release(slots, 1))))

  /** Starts the account's parked jobs, as many as have a place and a slot. */
  const startParkedOf = Effect.fnUntraced(function* (accountId: string) {
    while (yield* Semaphore.takeIfAvailable(slots, 1)) {
      const next = yield* takeParked(accountId)
      if (Option.isNone(next)) {
        yield* Semaphore.release(slots, 1)
        return
      }
      yield* run(workFor(accountId, next.value))
    }
  })

  /** Starts jobs that other workers parked, or that wait for the pace of their accounts. */
  const startParked = Effect.gen(function* () {
    if ((yield* free) < 1 || !(yield* mayTake)) return
    for (const accountId of yield* queue.parkedAccounts) parked.add(accountId)
    yield* Effect.forEach(parked, startParkedOf, { discard: true })
  }).pipe(Effect.uninterruptible)

  const park = Effect.fnUntraced(function* ([accountId, deliveries]: readonly [string, ReadonlyArray<Delivery>]) {
    const areParked = yield* persist(
      queue.park(deliveries, accountId).pipe(
        Effect.as(true),
        // An ACL that does not grant it: rather no fair shares than no work.
        Effect.catchIf(
          (error) => error.reason === "Denied",
          () => Effect.succeed(false)
        )
      )
    )
    if (areParked) return yield* startParkedOf(accountId)
    for (const delivery of deliveries) {
      yield* Semaphore.take(slots, 1)
      yield* run(work(delivery))
    }
  })

  /** Starts the job in a slot that it has, or gives the slot back and tells the account, which has no place for it. */
  const start = Effect.fnUntraced(function* (delivery: Delivery) {
    const account = queue.parks ? accountOf(delivery.payload) : Option.none()
    if (Option.isNone(account)) {
      yield* run(work(delivery))
      return Option.none()
    }
    const accountId = account.value
    if (!parked.has(accountId) && (yield* shares.enter(accountId))) {
      yield* run(workFor(accountId, delivery))
      return Option.none()
    }
    parked.add(accountId)
    yield* Semaphore.release(slots, 1)
    return account
  })

  /** Waits for payloads and starts their jobs. What arrives when no jobs are to be taken any more goes back at once. */
  const takeAndStart = Effect.gen(function* () {
    yield* Effect.interruptible(Semaphore.take(slots, 1))
    const taken = yield* takeNext(yield* free)
    if (taken.length === 0) yield* Semaphore.release(slots, 1)
    const homeless = new Map<string, Array<Delivery>>()
    yield* Effect.gen(function* () {
      for (const [index, delivery] of taken.entries()) {
        // The last one first, so that the first one is taken next.
        const giveBack = Effect.forEach(taken.slice(index).toReversed(), (it) => persist(queue.giveBack(it)), {
          discard: true
        })
        const proceed = Effect.andThen(Effect.yieldNow, index === 0 ? Effect.void : Semaphore.take(slots, 1))
        yield* Effect.interruptible(proceed).pipe(Effect.onInterrupt(() => giveBack))
        if (Option.isSome(yield* Ref.get(credentialsFault))) {
          yield* giveBack
          yield* Semaphore.release(slots, 1)
          return
        }
        const account = yield* start(delivery)
        if (Option.isSome(account)) homeless.set(account.value, [...(homeless.get(account.value) ?? []), delivery])
      }
    }).pipe(
      Effect.ensuring(Effect.suspend(() => Effect.forEach(homeless, park, { concurrency: "unbounded", discard: true })))
    )
  }).pipe(Effect.uninterruptible)

  return { inFlight, free, takeAndStart, startParked }
})

const work = (delivery: Delivery): Effect.Effect<void, never, Effect.Services<ReturnType<typeof processJob>>> =>
  Effect.acquireUseRelease(
    Metric.modify(metrics.jobsInFlight, 1),
    () => processJob(delivery).pipe(Effect.catchDefect((defect) => survive(delivery, defect))),
    () => Metric.modify(metrics.jobsInFlight, -1)
  )

const decodeAccount = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Struct({ account_id: AccountId })))

/** None: what has no account is no job, and is dealt with as such. */
const accountOf = (payload: Uint8Array): Option.Option<string> =>
  Option.map(decodeAccount(Buffer.from(payload).toString()), (it) => it.account_id)

/** Milliseconds before a payload that breaks the worker itself comes up again. */
const defectDelay = 1_000

/** A fault in the worker's own code, outside the work under a claim: the worker goes on, and the job waits behind the others. */
const survive = Effect.fnUntraced(function* (delivery: Delivery, defect: unknown) {
  const queue = yield* JobQueue
  yield* Effect.logError("a fault in the worker", Cause.die(defect))
  yield* Effect.ignore(Effect.interruptible(Effect.sleep(defectDelay)))
  yield* persist(queue.requeue(delivery))
})
