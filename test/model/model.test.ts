import { assert, describe, it } from "@effect/vitest"
import { Config, Effect, Fiber, Layer, Logger } from "effect"
import { AwsIamMemory } from "../../src/layers/memory/AwsIamMemory.ts"
import { JobStoreMemory } from "../../src/layers/memory/JobStoreMemory.ts"
import { RedisMemory } from "../../src/layers/memory/RedisMemory.ts"
import { isDone, violations } from "./invariants.ts"
import { numbersOf } from "./numbers.ts"
import { pass, play } from "./schedule.ts"

/** Schedules in a run, and the seed of the first; each next one has the next seed. */
const settings = Config.all({
  cases: Config.withDefault(Config.Int("MODEL_CASES"), 1_000),
  firstSeed: Config.withDefault(Config.Int("MODEL_SEED"), 1)
})

const fakes = Layer.mergeAll(
  Layer.fresh(AwsIamMemory),
  Layer.fresh(JobStoreMemory),
  Layer.fresh(RedisMemory),
  // What the workers log is not what is judged.
  Logger.layer([])
)

/** One schedule, and what it has violated. */
const runCase = (seed: number) =>
  Effect.gen(function* () {
    const { jobs, replicas, told } = yield* play(numbersOf(seed))
    // Leases, sweeps, orphans and the turns of each key; far more than they take.
    for (let second = 0; second < 240 && !(yield* isDone(jobs, replicas.length)); second++) yield* pass("1 second")
    const found = yield* violations(jobs, replicas.length)
    for (const { gate } of replicas) gate.kill()
    const ending = yield* Effect.forkChild(
      Effect.forEach(replicas, ({ fiber }) => Fiber.interrupt(fiber), { concurrency: "unbounded" })
    )
    for (let second = 0; second < 300 && ending.pollUnsafe() === undefined; second++) yield* pass("1 second")
    if (ending.pollUnsafe() === undefined) return [`seed ${seed}: a worker does not end (${told.join(", ")})`]
    yield* Fiber.join(ending)
    return found.map((it) => `seed ${seed}: ${it} (${told.join(", ")})`)
  }).pipe(Effect.provide(fakes))

describe("the life of jobs, whatever happens to workers and servers", () => {
  it.effect(
    "keeps its promises in every schedule (MODEL_CASES of them, from MODEL_SEED on)",
    () =>
      Effect.gen(function* () {
        const { cases, firstSeed } = yield* settings
        for (let seed = firstSeed; seed < firstSeed + cases; seed++) assert.deepStrictEqual(yield* runCase(seed), [])
      }),
    600_000
  )
})
