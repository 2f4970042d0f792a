import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Effect, Layer } from "effect"
import { Command } from "effect/cli"
import { ConfigLive } from "../layers/environment/ConfigLive.ts"
import { LoggerLive } from "../layers/LoggerLive.ts"
import { RedisLive } from "../layers/RedisLive.ts"
import { SignalsLive } from "../layers/SignalsLive.ts"
import { WorkerLive } from "../layers/WorkerLive.ts"
import { consume } from "../programs/consume.ts"
import { reportToLog } from "./report.ts"

const Live = WorkerLive.pipe(
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
