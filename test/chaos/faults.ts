import { Duration, Effect, Option, Random, type Scope } from "effect"
import type { FaultEffect } from "../../local/aws/Faults.ts"
import { aJob } from "../fixture.ts"
import { boundaryNames, waitAt } from "./boundaries.ts"
import type { Crew, Tally } from "./Crew.ts"
import { cutFiveTimes, type Outage, outages } from "./outages.ts"
import type { PrivateServers } from "./PrivateServers.ts"
import { drain, type Replica } from "./Replica.ts"
import { awaitFinal, awaitServers, submit } from "./requests.ts"
import { lease, recoveryBound } from "./settings.ts"
import { Stage } from "./Stage.ts"

/** Milliseconds to wait for a job that comes to a boundary. */
const patience = 3_000

const awsTroubles: ReadonlyArray<FaultEffect> = [
  { kind: "error", code: "Throttling" },
  { kind: "error", code: "ServiceFailure" },
  { kind: "hang" },
  { kind: "hangAfter" },
  { kind: "resetBefore" },
  { kind: "resetAfter" },
  { kind: "html" },
  { kind: "expireSessions" }
]

const between = (min: number, max: number) => Effect.map(Random.nextBetween(min, max), Duration.millis)

/** Everything that may go wrong, by name, on this crew. */
export const faultsOn = (crew: Crew, tally: Tally) => {
  const stop = Effect.fnUntraced(function* (replica: Replica) {
    yield* replica.program.signal("SIGSTOP")
    yield* Effect.sleep(yield* between(0.3 * lease, 1.7 * lease))
    yield* replica.program.signal("SIGCONT")
  })

  const atBoundary = Effect.fnUntraced(function* <E, R>(strike: (replica: Replica) => Effect.Effect<void, E, R>) {
    const boundary = yield* Random.choice(boundaryNames)
    const waiting = yield* waitAt(boundary, yield* crew.members)
    const reached = yield* Effect.timeoutOption(waiting, patience)
    if (Option.isNone(reached)) return
    yield* strike(reached.value.replica)
    yield* reached.value.release
  })

  const away = Effect.fnUntraced(function* ({ begin, end }: Outage) {
    yield* begin
    yield* Effect.sleep(yield* between(100, 2_500))
    yield* end
    yield* goesOn(tally)
  })

  const faults: ReadonlyArray<readonly [string, Effect.Effect<void, unknown, Stage | PrivateServers | Scope.Scope>]> = [
    ["SIGKILL", Effect.flatMap(crew.anyone, crew.kill)],
    ["SIGKILL at a boundary", atBoundary(crew.kill)],
    // Twice, since it is what recovery is about.
    ["SIGKILL at a boundary", atBoundary(crew.kill)],
    ["SIGSTOP, SIGCONT", Effect.flatMap(crew.anyone, stop)],
    ["SIGSTOP, SIGCONT at a boundary", atBoundary(stop)],
    [
      "SIGTERM",
      Effect.gen(function* () {
        const replica = yield* crew.anyone
        tally.drains.push(yield* drain(replica))
        yield* crew.replace(replica)
      })
    ],
    ...Object.entries(outages).map(([name, outage]) => [name, away(outage)] as const),
    [
      "connections cut five times in three seconds",
      Effect.gen(function* () {
        yield* cutFiveTimes(yield* crew.members)
        yield* goesOn(tally)
      })
    ],
    [
      "AWS has its troubles",
      Effect.gen(function* () {
        const { aws } = yield* Stage
        const effect = yield* Random.choice(awsTroubles)
        aws.faults.add({ times: yield* Random.nextIntBetween(1, 6), effect })
      })
    ]
  ]

  /** One of them, and a pause: long enough to recover in, or not. */
  return Effect.gen(function* () {
    const [name, inject] = yield* Random.choice(faults)
    tally.begun++
    tally.faults.set(name, (tally.faults.get(name) ?? 0) + 1)
    // Past every fault the harness must reach its servers: else the run says nothing.
    yield* Effect.orDie(inject)
    yield* Effect.sleep(yield* (yield* Random.nextBoolean) ? between(0, 1_000) : between(1_000, 1.2 * recoveryBound))
  })
}

/** All servers are there again: a job that is submitted now is done soon. */
const goesOn = Effect.fnUntraced(function* (tally: Tally) {
  yield* awaitServers
  const since = performance.now()
  const job = yield* submit(aJob({ principal: `probe-${tally.returns.length}` }))
  yield* awaitFinal(job.correlation_id)
  tally.returns.push(performance.now() - since)
})
