import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Effect, Layer } from "effect"
import { Command } from "effect/cli"
import { dashboardRoutes } from "../dashboard/dashboardRoutes.ts"
import { PageFilesLive } from "../dashboard/PageFiles.ts"
import { ConfigLive } from "../layers/environment/ConfigLive.ts"
import { LoggerLive } from "../layers/LoggerLive.ts"
import { RequestHistorySql } from "../layers/postgres/RequestHistorySql.ts"
import { ViewersSqlLive } from "../layers/postgres/SqlLive.ts"
import { DeadLettersRedis } from "../layers/queue/DeadLettersRedis.ts"
import { RedisLive } from "../layers/redis/RedisLive.ts"
import { SignalsLive } from "../layers/SignalsLive.ts"
import { workerLive } from "../layers/WorkerLive.ts"
import { consume } from "../programs/consume.ts"
import { reportToLog } from "./report.ts"

const Dashboard = dashboardRoutes.pipe(
  Layer.provide(Layer.mergeAll(DeadLettersRedis, PageFilesLive, RequestHistorySql.pipe(Layer.provide(ViewersSqlLive))))
)

const Live = workerLive(Dashboard).pipe(
  // It logs, too.
  Layer.provideMerge(Layer.provide(RedisLive, LoggerLive)),
  Layer.provideMerge(SignalsLive),
  Layer.provideMerge(ConfigLive),
  Layer.provide(NodeFileSystem.layer)
)

/** The worker itself, until a signal. */
export const runWorker = consume.pipe(Effect.provide(Live), reportToLog)

export const run = Command.make("run", {}, () => runWorker).pipe(
  Command.withDescription("Take jobs and carry them out, until SIGTERM or SIGINT (this is what runs without a command)")
)
