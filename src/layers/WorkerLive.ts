import { Layer, References } from "effect"
import { AccountSharesLive } from "./AccountSharesLive.ts"
import { AwsIamLive } from "./aws/AwsIamLive.ts"
import { AwsSessionsLive } from "./aws/AwsSessionsLive.ts"
import { HttpLive } from "./http/HttpLive.ts"
import { LeasesLive } from "./LeasesLive.ts"
import { LoggerLive } from "./LoggerLive.ts"
import { JobStoreSql } from "./postgres/JobStoreSql.ts"
import { SqlLive } from "./postgres/SqlLive.ts"
import { JobQueueRedis } from "./queue/JobQueueRedis.ts"
import { PausesRedis } from "./queue/PausesRedis.ts"
import { WorkersRedis } from "./queue/WorkersRedis.ts"
import { WorkerStatusLive } from "./WorkerStatusLive.ts"

/** Everything that the worker stands on, but Redis and the configuration. */
export const WorkerLive = HttpLive.pipe(
  Layer.provideMerge(LeasesLive),
  Layer.provideMerge(
    Layer.mergeAll(
      AccountSharesLive,
      AwsIamLive,
      JobQueueRedis,
      JobStoreSql,
      PausesRedis,
      WorkersRedis,
      WorkerStatusLive
    )
  ),
  Layer.provide(Layer.mergeAll(AwsSessionsLive, SqlLive)),
  Layer.provideMerge(LoggerLive),
  // Nothing exports spans, and each SQL statement would make one.
  Layer.provideMerge(Layer.succeed(References.TracerEnabled, false))
)
