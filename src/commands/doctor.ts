import { Effect } from "effect"
import { Command, Flag, TerminalCapabilities } from "effect/cli"
import { doctor as program } from "../programs/doctor/doctor.ts"
import { account } from "./flags.ts"
import { Probes } from "./probes.ts"
import { reportToPerson } from "./report.ts"

const flags = {
  account: account("A target AWS account whose handler role is checked, too"),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("An array of {check, status, detail, remedy}"),
    Flag.withDefault(false)
  )
}

export const doctor = Command.make("doctor", flags, ({ account, json }) =>
  Effect.flatMap(TerminalCapabilities.TerminalCapabilities, ({ canColor }) =>
    program({ account, json, colours: canColor })
  ).pipe(Effect.provide(Probes), reportToPerson)
).pipe(
  Command.withDescription(
    "Check the environment, PostgreSQL, Redis and AWS as the worker would meet them, and name a remedy for each fault. Changes nothing"
  )
)
