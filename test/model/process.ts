import { Clock, Effect, Exit, Latch, Random } from "effect"

/** What a process suffers at one of its calls. `fail`: the call is not carried out, or its answer is lost. */
export interface Trip {
  readonly when: "before" | "after"
  readonly harm: "kill" | "pause" | "fail"
}

/**
 * `change`: a step that others can see. `take`: seen only if it brings something, so harm comes after it. `look`: not counted.
 * `send`: a call to AWS, which a stopped process cannot begin: between the check of the lease and the call nothing can be
 * prevented, so the model stops a process before the check instead.
 */
export type Kind = "change" | "take" | "look" | "send"

/** One boot of a worker, as its surroundings see it: it runs, is stopped (SIGSTOP), or is gone (SIGKILL). */
export interface Process {
  readonly workerId: string
  readonly kill: () => void
  readonly pause: () => void
  readonly resume: () => void
  readonly isGone: () => boolean
  /** Trips at its n-th next call that counts, unless healed before. */
  readonly trip: (calls: number, trip: Trip) => void
  readonly heal: () => void
  /** Moves its wall clock away from everybody else's. */
  readonly skew: (millis: number) => void
  /** How far it is away. */
  readonly skewed: () => number
  readonly clock: Clock.Clock
  /** Waits while it is stopped; for ever once it is gone. */
  readonly whileRunning: Effect.Effect<void>
  readonly call: <A, E>(kind: Kind, effect: Effect.Effect<A, E>, failure: E) => Effect.Effect<A, E>
}

/** A killed process does nothing more, not even what it would do when interrupted. */
const nothingMore = Effect.interruptible(Effect.never)

/** Milliseconds that a call is under way, times ten; mostly none, for the sake of many cases. */
const lag = Effect.flatMap(Random.nextIntBetween(-3, 3), (tens) => (tens > 0 ? Effect.sleep(tens * 10) : Effect.void))

export const makeProcess = (workerId: string, shared: Clock.Clock): Process => {
  const running = Latch.makeUnsafe(true)
  const trips = new Map<number, Trip>()
  let gone = false
  let calls = 0
  let skewed = 0

  const unlessGone = Effect.suspend(() => (gone ? nothingMore : Effect.void))
  const whileRunning = Effect.suspend(() => Effect.andThen(running.await, unlessGone))

  const suffer = <E>(when: Trip["when"], number: number, failure: E): Effect.Effect<void, E> =>
    Effect.suspend(() => {
      const trip = trips.get(number)
      if (trip?.when !== when) return Effect.void
      trips.delete(number)
      if (trip.harm === "fail") return Effect.fail(failure)
      if (trip.harm === "kill") gone = true
      else running.closeUnsafe()
      return whileRunning
    })

  const process: Process = {
    workerId,
    kill: () => {
      gone = true
      running.openUnsafe()
    },
    pause: () => void (gone || running.closeUnsafe()),
    resume: () => void running.openUnsafe(),
    isGone: () => gone,
    trip: (after, trip) => void trips.set(calls + after, trip),
    heal: () => {
      trips.clear()
      running.openUnsafe()
    },
    skew: (millis) => {
      skewed = millis
    },
    skewed: () => skewed,
    clock: {
      sleep: (time) => shared.sleep(time),
      monotonicTimeNanosUnsafe: () => shared.monotonicTimeNanosUnsafe(),
      monotonicTimeNanos: shared.monotonicTimeNanos,
      currentTimeMillisUnsafe: () => shared.currentTimeMillisUnsafe() + skewed,
      currentTimeMillis: Effect.sync(() => shared.currentTimeMillisUnsafe() + skewed),
      currentTimeNanosUnsafe: () => shared.currentTimeNanosUnsafe() + BigInt(skewed) * 1_000_000n,
      currentTimeNanos: Effect.sync(() => shared.currentTimeNanosUnsafe() + BigInt(skewed) * 1_000_000n)
    },
    whileRunning,
    call: Effect.fnUntraced(function* <A, E>(kind: Kind, effect: Effect.Effect<A, E>, failure: E) {
      yield* kind === "send" ? unlessGone : whileRunning
      // What the others do has its own clock.
      const there = Effect.provideService(effect, Clock.Clock, shared)
      if (kind === "look") return yield* Effect.tap(there, () => whileRunning)
      if (kind === "take") {
        const taken = yield* there
        const number = ++calls
        yield* suffer("before", number, failure)
        yield* suffer("after", number, failure)
        yield* whileRunning
        return taken
      }
      const number = ++calls
      if (kind === "change") yield* Effect.andThen(lag, whileRunning)
      if (kind === "change" || trips.get(number)?.harm !== "pause") yield* suffer("before", number, failure)
      const exit = yield* Effect.exit(there)
      if (Exit.isSuccess(exit)) yield* suffer("after", number, failure)
      yield* whileRunning
      return yield* exit
    })
  }
  return process
}
