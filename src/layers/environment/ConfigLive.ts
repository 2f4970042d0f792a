import { ConfigProvider, Context, Effect, Layer } from "effect"
import {
  AwsConfig,
  DatabaseConfig,
  HttpConfig,
  LogConfig,
  RedisConfig,
  TelemetryConfig,
  WorkerConfig
} from "../../services/Config.ts"
import { readAll } from "./reader.ts"
import { redis } from "./redisSection.ts"
import { aws, database, http, log, telemetry, worker } from "./sections.ts"

/** All that the worker needs. */
export const ConfigLive = Layer.effectContext(
  Effect.map(readAll({ aws, database, http, log, redis, telemetry, worker }), (config) =>
    Context.make(AwsConfig, config.aws).pipe(
      Context.add(DatabaseConfig, config.database),
      Context.add(HttpConfig, config.http),
      Context.add(LogConfig, config.log),
      Context.add(RedisConfig, config.redis),
      Context.add(TelemetryConfig, config.telemetry),
      Context.add(WorkerConfig, config.worker)
    )
  )
)

/** For commands that use the database alone. */
export const DatabaseConfigLive = Layer.effect(DatabaseConfig, database)

/** For commands that use AWS alone. */
export const AwsConfigLive = Layer.effect(AwsConfig, aws)

/** For what can be checked although the worker's own variables are bad. */
export const WorkerConfigOrDefaults = Layer.effect(
  WorkerConfig,
  Effect.catch(worker, () =>
    Effect.provideService(worker, ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown({}))
  )
)

/** For commands that use Redis alone. */
export const RedisConfigLive = Layer.effect(RedisConfig, redis)

/** For commands that compare the records with AWS. */
export const VerifyConfigLive = Layer.effectContext(
  Effect.map(readAll({ aws, database, worker }), (config) =>
    Context.make(AwsConfig, config.aws).pipe(
      Context.add(DatabaseConfig, config.database),
      Context.add(WorkerConfig, config.worker)
    )
  )
)

/** For those that also push jobs for what differs. */
export const RepairConfigLive = Layer.effectContext(
  Effect.map(readAll({ aws, database, redis, worker }), (config) =>
    Context.make(AwsConfig, config.aws).pipe(
      Context.add(DatabaseConfig, config.database),
      Context.add(RedisConfig, config.redis),
      Context.add(WorkerConfig, config.worker)
    )
  )
)

/** For commands that use the database and push jobs. */
export const QueueConfigLive = Layer.effectContext(
  Effect.map(readAll({ database, redis, worker }), (config) =>
    Context.make(DatabaseConfig, config.database).pipe(
      Context.add(RedisConfig, config.redis),
      Context.add(WorkerConfig, config.worker)
    )
  )
)
