import { randomUUID } from "node:crypto"
import { Duration, Effect, Fiber, Option } from "effect"
import { SqlError, UnknownError } from "effect/sql/SqlError"
import { TestClock } from "effect/testing"
import { Throttling, Timeout } from "../../src/domain/AwsError.ts"
import type { Job } from "../../src/domain/Job.ts"
import { AwsIamControl } from "../../src/layers/memory/AwsIamMemory.ts"
import type { AwsIam } from "../../src/services/AwsIam.ts"
import { JobStore } from "../../src/services/JobStore.ts"
import { Redis, RedisError } from "../../src/services/Redis.ts"
import { aJob, bytes, queue } from "../fixture.ts"
import type { Server } from "./gate.ts"
import type { Numbers } from "./numbers.ts"
import { boot, lease, type Replica } from "./replica.ts"

/** Milliseconds; longer than a take waits, so that every worker notices. */
const restart = 1_500

const steps = 24
const mostReplicas = 3
const keys = ["alice", "bob"] as const
const operation = "AttachUserPolicy"
const redisAway = new RedisError({ command: "", reason: "Unavailable", message: "away" })
const postgresAway = new SqlError({
  reason: new UnknownError({ cause: new Error("away"), message: "away", operation: "" })
})

/** In small steps, so that everything that wakes up runs before the clock goes on. */
export const pass = (time: Duration.Input) =>
  Effect.repeat(TestClock.adjust("50 millis"), { times: Math.ceil(Duration.toMillis(time) / 50) - 1 })

/** A schedule of what can happen to some workers and the servers around them, drawn from `next`. All that it does is told. */
export const play = Effect.fnUntraced(function* (next: Numbers) {
  const redis = yield* Redis
  const store = yield* JobStore
  const aws = yield* AwsIamControl
  const jobs: Array<Job> = []
  const replicas: Array<Replica> = []
  const told: Array<string> = []
  let boots = 0

  const start = Effect.gen(function* () {
    replicas.push(yield* boot(`w-${++boots}`))
  })
  const alive = () => replicas.filter(({ gate }) => !gate.dead)
  const someone = () => Option.fromUndefinedOr(alive()[next(alive().length)])
  const onSomeone = (act: (replica: Replica) => void) => Effect.sync(() => Option.map(someone(), act))

  const takeAway = (server: Server, error: unknown, millis: number) =>
    Effect.suspend(() => {
      for (const { gate } of replicas) gate.takeAway(server, error)
      return pass(Duration.millis(millis))
    })
  const bringBack = (server: Server) => {
    for (const { gate } of replicas) gate.away.delete(server)
  }
  const outage = (server: Server, error: unknown) =>
    Effect.suspend(() => takeAway(server, error, 50 + next(6_000))).pipe(
      Effect.andThen(Effect.sync(() => bringBack(server)))
    )

  const acts: ReadonlyArray<
    readonly [
      name: string,
      weight: number,
      act: Effect.Effect<unknown, unknown, Redis | JobStore | AwsIamControl | AwsIam>
    ]
  > = [
    [
      "submit",
      8,
      Effect.gen(function* () {
        // Rows of one millisecond would have no order but that of their ids.
        yield* pass("50 millis")
        const job = aJob({
          correlation_id: randomUUID(),
          principal: keys[next(keys.length)] ?? "alice",
          action: next(2) === 0 ? "add" : "remove"
        })
        jobs.push(job)
        yield* redis.push(queue, "left", bytes(job))
        if (next(3) === 0) yield* pass("50 millis")
        yield* store.submit(job)
      })
    ],
    [
      "duplicate",
      2,
      Effect.suspend(() => Effect.forEach(jobs.slice(-1), (job) => redis.push(queue, "left", bytes(job))))
    ],
    ["time", 6, Effect.suspend(() => pass(Duration.millis(50 + next(1_500))))],
    ["a long time", 1, Effect.suspend(() => pass(Duration.times(lease, 1.5)))],
    ["kill", 2, onSomeone(({ gate }) => gate.kill())],
    [
      "kill at a call",
      4,
      onSomeone(({ gate }) => gate.killAt({ afterCalls: next(12), when: next(2) === 0 ? "before" : "after" }))
    ],
    ["stop", 2, onSomeone(({ gate }) => gate.stop())],
    ["go on", 3, Effect.sync(() => replicas.forEach(({ gate }) => gate.goOn()))],
    ["boot", 3, Effect.suspend(() => (alive().length < mostReplicas ? start : Effect.void))],
    [
      "drain",
      1,
      Effect.suspend(() =>
        Effect.forEach(Option.toArray(someone()), (replica) =>
          Effect.gen(function* () {
            yield* Effect.forkDetach(Fiber.interrupt(replica.fiber))
            yield* pass("2500 millis")
            replica.gate.kill()
          })
        )
      )
    ],
    [
      "throttle",
      2,
      Effect.sync(() =>
        aws.obstruct({
          when: "before",
          effect: Effect.fail(new Throttling({ code: "Throttling", message: "", operation }))
        })
      )
    ],
    [
      "lose an answer",
      3,
      Effect.sync(() =>
        aws.obstruct({
          when: next(2) === 0 ? "before" : "after",
          effect: Effect.fail(new Timeout({ code: "ECONNRESET", message: "", operation }))
        })
      )
    ],
    [
      "slow AWS",
      3,
      Effect.sync(() =>
        aws.obstruct({ when: next(2) === 0 ? "before" : "after", effect: Effect.sleep(Duration.millis(next(2_000))) })
      )
    ],
    [
      "Redis is restarted empty",
      1,
      Effect.gen(function* () {
        yield* takeAway("redis", redisAway, restart)
        for (const key of [queue, "{queue:aws}:delayed", "{queue:aws}:workers"]) yield* redis.delete(key)
        for (let number = 1; number <= boots; number++) yield* redis.delete(`{queue:aws}:processing:w-${number}`)
        bringBack("redis")
      })
    ],
    ["Redis is away", 1, outage("redis", redisAway)],
    ["PostgreSQL is away", 2, outage("postgres", postgresAway)]
  ]
  const total = acts.reduce((sum, [, weight]) => sum + weight, 0)

  yield* start
  yield* start
  for (let step = 0; step < steps; step++) {
    let drawn = next(total)
    const chosen = acts.find(([, weight]) => (drawn -= weight) < 0)
    if (chosen === undefined) continue
    told.push(chosen[0])
    yield* chosen[2]
  }

  // Everything is well again, and somebody works.
  for (const { gate } of replicas) gate.goOn()
  yield* start
  return { jobs, replicas, told }
})
