import { Clock, Duration, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { aJob, bytes } from "../fixture.ts"
import { boot, settings, type Worker } from "./boot.ts"
import type { Request } from "./ledger.ts"
import type { Step } from "./schedule.ts"
import { keys, makeShared } from "./shared.ts"
import { verdict } from "./verdict.ts"
import { verified } from "./verified.ts"

/** In the order in which they are submitted. */
const correlationId = (index: number) => `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`

/** Milliseconds of healthy time within which everything has to come to its end. */
const patience = 240_000

/** Lives through a schedule, heals everything, waits for the end, and tells which invariants were broken. */
export const live = Effect.fnUntraced(function* (schedule: ReadonlyArray<Step>) {
  const shared = yield* makeShared
  const { awsTroubles, checkPlaces, down, ledger, loseRedis, payloadsLeft, redis, store } = shared
  const workers: Array<Worker> = []
  let boots = 0

  const start = Effect.fnUntraced(function* (slot: number) {
    workers[slot] = yield* boot(shared, `worker-${++boots}`)
  })

  const submit = Effect.fnUntraced(function* ({ action, commit, key }: Step & { readonly _tag: "Submit" }) {
    const job = aJob({
      correlation_id: correlationId(ledger.requests.size),
      principal: `user-${key}`,
      ...(action === "add for a minute" ? { duration_minutes: 1 } : { action })
    })
    const request: Request = {
      job,
      ends: null,
      payload: bytes(job),
      committedAt: undefined,
      lostByRedis: false,
      takenFrom: undefined,
      finished: false
    }
    ledger.requests.set(job.correlation_id, request)
    yield* redis.push(keys.queue, "left", request.payload)
    const write = Effect.gen(function* () {
      yield* store.submit(job)
      request.committedAt = yield* Clock.currentTimeMillis
    })
    yield* commit === 0 ? write : Effect.forkDetach(Effect.delay(write, commit * 50))
  })

  const perform = Effect.fnUntraced(function* (step: Step) {
    const worker = "worker" in step ? workers[step.worker] : undefined
    switch (step._tag) {
      case "Submit":
        return yield* submit(step)
      case "Duplicate": {
        const payload = Array.from(ledger.requests.values())[step.of]?.payload
        return yield* payload === undefined ? Effect.void : redis.push(keys.queue, "left", payload)
      }
      case "Wait":
        return yield* TestClock.adjust(step.time * 100)
      case "WaitLong":
        return yield* TestClock.adjust(step.time * 1_000)
      case "Trip":
        return worker?.process.trip(step.calls + 1, step)
      case "Kill":
        return worker?.process.kill()
      case "Pause":
        return worker?.process.pause()
      case "Resume":
        return worker?.process.resume()
      case "Stop":
        return yield* worker === undefined ? Effect.void : Effect.forkDetach(Fiber.interrupt(worker.fiber))
      case "Boot":
        return yield* worker === undefined || worker.process.isGone() || worker.fiber.pollUnsafe() !== undefined
          ? start(step.worker)
          : Effect.void
      case "LoseRedis":
        return yield* loseRedis
      case "Outage": {
        down[step.of] = true
        const over = Effect.sync(() => {
          down[step.of] = false
        })
        return yield* Effect.forkDetach(Effect.delay(over, Duration.seconds(step.time)))
      }
      case "AwsTrouble":
        return void awsTroubles.push(step.kind)
      case "Jump":
        return worker?.process.skew(step.by * 1_000)
    }
  })

  const heal = Effect.gen(function* () {
    awsTroubles.length = 0
    down.database = false
    down.redis = false
    for (const { process } of workers) process.heal()
    yield* boot(shared, "worker-at-the-end")
  })

  const atRest = Effect.gen(function* () {
    const ends = yield* shared.openEnds
    return (yield* payloadsLeft) === 0 && ends === 0 && ledger.unfinished().length === 0
  })

  // From a real time on, so that no clock that goes back meets the beginning of all times.
  yield* TestClock.setTime(1_700_000_000_000)
  yield* start(0)
  yield* start(1)
  for (const step of schedule) yield* perform(step)
  // Rows that are still to be written, and outages that are still to end.
  yield* heal
  yield* TestClock.adjust(settings.lease)
  const healed = yield* Clock.currentTimeMillis
  while (!(yield* atRest) && (yield* Clock.currentTimeMillis) < healed + patience) yield* TestClock.adjust("1 second")
  yield* checkPlaces
  const broken = yield* verdict(shared)
  for (const { kill } of shared.processes) kill()
  return [...broken, ...(yield* verified(shared.clock))]
})
