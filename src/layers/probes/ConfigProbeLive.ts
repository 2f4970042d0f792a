import { Effect, Layer, Option, Result } from "effect"
import { ConfigProbe } from "../../services/ConfigProbe.ts"
import { readAll } from "../environment/reader.ts"
import { redis } from "../environment/redisSection.ts"
import { aws, database, http, log, telemetry, worker } from "../environment/sections.ts"

export const ConfigProbeLive = Layer.effect(
  ConfigProbe,
  Effect.gen(function* () {
    const all = yield* Effect.result(readAll({ aws, database, redis, worker, http, log, telemetry }))
    const settings = yield* Effect.option(readAll({ aws, worker }))
    return ConfigProbe.of({
      faults: Result.isFailure(all) ? all.failure.faults : [],
      settings: Option.map(settings, (config) => ({ partition: config.aws.partition, worker: config.worker }))
    })
  })
)
