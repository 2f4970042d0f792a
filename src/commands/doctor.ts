import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Effect, Layer } from "effect"
import { Command, Flag, TerminalCapabilities } from "effect/cli"
import { AwsProbeLive } from "../layers/probes/AwsProbeLive.ts"
import { ConfigProbeLive } from "../layers/probes/ConfigProbeLive.ts"
import { DatabaseProbeLive } from "../layers/probes/DatabaseProbeLive.ts"
import { PortProbeLive } from "../layers/probes/PortProbeLive.ts"
import { RedisProbeLive } from "../layers/probes/RedisProbeLive.ts"
import { doctor as program } from "../programs/doctor/doctor.ts"
import { account } from "./flags.ts"
import { reportToPerson } from "./report.ts"

const Live = Layer.mergeAll(AwsProbeLive, ConfigProbeLive, DatabaseProbeLive, PortProbeLive, RedisProbeLive).pipe(
  Layer.provide(NodeFileSystem.layer)
)

const flags = {
  account: account("A target AWS account, whose handler role is to be looked at, too"),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("An array of {check, status, detail, remedy}"),
    Flag.withDefault(false)
  )
}

export const doctor = Command.make("doctor", flags, ({ account, json }) =>
  Effect.flatMap(TerminalCapabilities.TerminalCapabilities, ({ canColor }) =>
    program({ account, json, colours: canColor })
  ).pipe(Effect.provide(Live), reportToPerson)
).pipe(
  Command.withDescription(
    "Check the environment, PostgreSQL, Redis and AWS as the worker would meet them, and name a remedy for each fault. Changes nothing"
  )
)
