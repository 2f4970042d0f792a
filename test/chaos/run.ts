import { Effect, Fiber, Random, Schedule } from "effect"
import { aJob } from "../fixture.ts"
import { emptyTally, makeCrew, type Tally } from "./Crew.ts"
import { faultsOn } from "./faults.ts"
import { judge, type Verdict } from "./judge.ts"
import { drain } from "./Replica.ts"
import { payloadsLeft, submit } from "./requests.ts"
import { lease, orphanAfter } from "./settings.ts"
import { Stage } from "./Stage.ts"

export interface Plan {
  readonly millis: number
  readonly seed: number
}

export interface Outcome extends Verdict {
  readonly tally: Tally
  /** Milliseconds from the last fault until nothing was left to do; or until nobody waits any more. */
  readonly settled: number
}

const replicas = 3

/** Clients of the API; each submits one request after the other, on keys of its own. */
const clients = 4
const keysOfClient = 9
const accounts = ["111111111111", "222222222222", "333333333333"]

/** Milliseconds between two requests of one client. */
const pace = { min: 20, max: 500 }

/** One client: adds and removes by turns, so that the order shows, and often twice on the same key. */
const client = Effect.fnUntraced(function* (number: number) {
  const added = new Set<number>()
  let key = 0
  return yield* Effect.gen(function* () {
    if (yield* Random.nextBoolean) key = yield* Random.nextIntBetween(0, keysOfClient)
    const job = aJob({
      account_id: accounts[key % accounts.length] ?? "",
      principal: `client-${number}-${key}`,
      action: added.has(key) ? "remove" : "add",
      received_at: new Date().toISOString()
    })
    yield* submit(job)
    if (job.action === "add") added.add(key)
    else added.delete(key)
  }).pipe(
    // The API answers 500, and nobody is promised anything.
    Effect.ignore,
    Effect.andThen(Effect.flatMap(Random.nextBetween(pace.min, pace.max), (millis) => Effect.sleep(millis))),
    Effect.forever
  )
})

/** Nothing is unfinished, and no payload is left. */
const isSettled = Effect.gen(function* () {
  const { sql } = yield* Stage
  const unfinished = yield* sql`SELECT FROM csb_requests WHERE status IN ('PENDING', 'IN_PROGRESS') LIMIT 1`
  return unfinished.length === 0 && (yield* payloadsLeft) === 0
})

/** Requests come in for some time while one thing after the other goes wrong; then all must be done. */
export const run = Effect.fnUntraced(function* ({ millis, seed }: Plan) {
  const tally = emptyTally()
  const crew = yield* makeCrew(replicas, tally)
  const requests = yield* Effect.forEach(Array.from({ length: clients }).keys(), client, {
    concurrency: "unbounded",
    discard: true
  }).pipe(Random.withSeed(seed), Effect.forkScoped)

  const until = performance.now() + millis
  yield* faultsOn(crew, tally).pipe(
    Effect.repeat({ until: () => performance.now() >= until }),
    // A seed of its own, since it is no client's doing which fault comes next.
    Random.withSeed(seed + 1)
  )
  const { aws } = yield* Stage
  aws.faults.clear()
  yield* Fiber.interrupt(requests)

  const since = performance.now()
  yield* isSettled.pipe(
    Effect.orElseSucceed(() => false),
    Effect.repeat({ until: (settled) => settled, schedule: Schedule.spaced("50 millis") }),
    Effect.timeoutOption(5 * (orphanAfter + lease))
  )
  const settled = performance.now() - since
  const verdict = yield* judge
  for (const replica of yield* crew.members) tally.drains.push(yield* drain(replica))
  return { ...verdict, tally, settled } satisfies Outcome
})
