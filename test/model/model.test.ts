import { describe, it } from "@effect/vitest"
import { Arbitrary, Config, Effect, Layer, Random, References, Schema } from "effect"
import { AwsIamMemory } from "../../src/layers/memory/AwsIamMemory.ts"
import { JobStoreMemory } from "../../src/layers/memory/JobStoreMemory.ts"
import { RedisMemory } from "../../src/layers/memory/RedisMemory.ts"
import { live } from "./life.ts"
import { Step } from "./schedule.ts"

const { runs, seed } = Effect.runSync(
  Effect.all({
    runs: Config.Int("MODEL_CASES").pipe(Config.withDefault(2_000)),
    seed: Config.Int("MODEL_SEED").pipe(Config.withDefault(20_261_124))
  })
)

const chance = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 }))

describe("the life of a job", () => {
  it.effect.prop(
    `keeps its invariants whatever happens (MODEL_SEED=${seed}, ${runs} cases)`,
    { chance, schedule: Arbitrary.array(Arbitrary.schema(Step), { maxLength: 40 }) },
    ({ chance, schedule }) =>
      Effect.gen(function* () {
        const broken = yield* live(schedule)
        if (broken.length > 0) return yield* Effect.fail(broken)
      }).pipe(
        Random.withSeed(chance),
        Effect.provideService(References.MinimumLogLevel, "None"),
        Effect.provide(Layer.mergeAll(RedisMemory, JobStoreMemory, AwsIamMemory), { local: true })
      ),
    { timeout: 600_000, arbitrary: { runs, seed, size: 30, maxShrinks: 400 } }
  )
})
