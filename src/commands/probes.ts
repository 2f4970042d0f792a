import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Layer } from "effect"
import { AwsProbeLive } from "../layers/probes/AwsProbeLive.ts"
import { ConfigProbeLive } from "../layers/probes/ConfigProbeLive.ts"
import { DatabaseProbeLive } from "../layers/probes/DatabaseProbeLive.ts"
import { PortProbeLive } from "../layers/probes/PortProbeLive.ts"
import { RedisProbeLive } from "../layers/probes/RedisProbeLive.ts"

/** For commands that only check. A backend that cannot be connected to is one of their findings, not a failure. */
export const Probes = Layer.mergeAll(
  AwsProbeLive,
  ConfigProbeLive,
  DatabaseProbeLive,
  PortProbeLive,
  RedisProbeLive
).pipe(Layer.provide(NodeFileSystem.layer))
