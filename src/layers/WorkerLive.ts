import { Layer, References } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import type { ConfigInvalid } from "../services/Config.ts"
import { AccountSharesLive } from "./AccountSharesLive.ts"
import { AwsIamLive } from "./aws/AwsIamLive.ts"
import { AwsSessionsLive } from "./aws/AwsSessionsLive.ts"
import { httpLive } from "./http/HttpLive.ts"
import { LeasesLive } from "./LeasesLive.ts"
import { LoggerLive } from "./LoggerLive.ts"
import { JobStoreSql } from "./postgres/JobStoreSql.ts"
import { SqlLive } from "./postgres/SqlLive.ts"
import { JobQueueRedis } from "./queue/JobQueueRedis.ts"
import { PausesRedis } from "./queue/PausesRedis.ts"
import { WorkersRedis } from "./queue/WorkersRedis.ts"
import { TracingLive } from "./TracingLive.ts"
import { WorkerStatusLive } from "./WorkerStatusLive.ts"

/** Everything that the worker needs, except Redis and the configuration. `routes`: what it serves besides probes and metrics. */
export const workerLive = <R>(routes: Layer.Layer<never, ConfigInvalid | SqlError, R>) =>
  httpLive(routes).pipe(
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
    Layer.provideMerge(TracingLive),
    Layer.provideMerge(LoggerLive),
    // Jobs make their own spans (domain/tracing.ts); otherwise each SQL statement and each probe would make one, too.
    Layer.provideMerge(Layer.succeed(References.TracerEnabled, false))
  )
