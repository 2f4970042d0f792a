import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Layer, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { FetchHttpClient } from "effect/http"
import { reportToPerson } from "../src/commands/report.ts"
import { describeRun } from "./machine.ts"
import { alternate, countTraffic, timeStarts, weigh } from "./passes.ts"
import type { Plan } from "./plan.ts"
import { build, prepareDatabase } from "./prepare.ts"
import { roundLine, table } from "./report.ts"
import { Database, Servers } from "./servers.ts"

const count = (name: string, description: string, value: number) =>
  Flag.Int(name).pipe(
    Flag.withDescription(`${description} (${value})`),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000_000 }))),
    Flag.withDefault(value)
  )

const flags = {
  jobs: count("jobs", "Jobs of a measured round", 5_000),
  rounds: count("rounds", "Rounds of worker and bare SDK by turns", 5),
  accounts: count("accounts", "Target accounts", 50),
  concurrency: count("concurrency", "Jobs in flight", 64),
  memoryJobs: count("memory-jobs", "Jobs before the worker's memory is read", 10_000),
  starts: count("starts", "Starts whose time to /ready is taken", 5)
}

const bench = Effect.fnUntraced(function* (plan: Plan) {
  yield* prepareDatabase
  yield* Console.log(yield* describeRun(plan))
  yield* Console.log(`\n${plan.starts} starts`)
  const starts = yield* timeStarts(plan)
  yield* Console.log("counting statements, commands and calls")
  const traffic = yield* countTraffic(plan)
  yield* Console.log(`${plan.rounds} rounds`)
  const rounds = yield* alternate(plan, (round) => Console.log(roundLine(plan, round)))
  yield* Console.log(`${plan.memoryJobs} jobs for one worker`)
  const memory = yield* weigh(plan)
  yield* Console.log(`\n${table(plan, { rounds, traffic, starts, memory })}`)
})

const command = Command.make("bench", flags, (plan) =>
  Effect.andThen(
    build,
    Effect.provide(bench(plan), Layer.mergeAll(Database.pipe(Layer.provideMerge(Servers.layer)), FetchHttpClient.layer))
  ).pipe(reportToPerson)
).pipe(
  Command.withDescription(
    "What a job costs the worker, beside what the same calls cost AWS's SDK alone. Needs Linux and redis-server"
  )
)

command.pipe(
  Command.run({ version: "0.1.0", renderErrors: true }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({ disableErrorReporting: true })
)
