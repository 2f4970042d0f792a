import { Effect, Layer, Option, Result } from "effect"
import { ConfigProbe } from "../../services/ConfigProbe.ts"
import { aws, database, http, log, redis, worker } from "../environment/sections.ts"
import { readAll } from "../environment/reader.ts"

export const ConfigProbeLive = Layer.effect(
  ConfigProbe,
  Effect.gen(function* () {
    const all = yield* Effect.result(readAll({ aws, database, redis, worker, http, log }))
    const guardrail = yield* Effect.option(readAll({ aws, worker }))
    return ConfigProbe.of({
      faults: Result.isFailure(all) ? all.failure.faults : [],
      guardrail: Option.map(guardrail, (config) => ({
        partition: config.aws.partition,
        rules: config.worker.policyRules
      }))
    })
  })
)
