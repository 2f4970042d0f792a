import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Layer } from "effect"
import { Command, Flag } from "effect/cli"
import { FetchHttpClient } from "effect/http"
import { reportToPerson } from "../src/commands/report.ts"
import { writeDocument } from "./document/write.ts"
import { planFlags } from "./flags.ts"
import { describeRun } from "./machine.ts"
import type { Plan } from "./plan.ts"
import { build, prepareDatabase, startAfresh } from "./prepare.ts"
import type { Findings } from "./Section.ts"
import { chosenSections } from "./sections/chosen.ts"
import { connectTo, Servers } from "./servers.ts"
import { terminalTable } from "./terminal.ts"

const flags = {
  ...planFlags,
  only: Flag.String("only").pipe(
    Flag.withDescription("Only these sections, by their names, with commas between"),
    Flag.withDefault("")
  ),
  writeDocs: Flag.Boolean("write-docs").pipe(
    Flag.withDescription("Put what was measured into docs/benchmarks.md and its plots"),
    Flag.withDefault(false)
  )
}

interface Options extends Plan {
  readonly only: string
  readonly writeDocs: boolean
}

const bench = Effect.fnUntraced(function* (options: Options) {
  const chosen = yield* chosenSections(options.only)
  yield* prepareDatabase("postgres")
  const machine = yield* describeRun(options)
  yield* Console.log(machine)
  const found = new Map<string, Findings>()
  for (const { measure, name, title } of chosen) {
    const startedAt = performance.now()
    yield* Console.log(`\n${name}: ${title}`)
    yield* startAfresh
    found.set(name, yield* measure(options))
    yield* Console.log(`  took ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`)
  }
  for (const { name, title } of chosen) {
    const figures = found.get(name)?.figures ?? []
    if (figures.length > 0) yield* Console.log(`\n${title}\n${terminalTable(figures)}`)
  }
  if (options.writeDocs) yield* writeDocument(machine, found)
})

const command = Command.make("bench", flags, (options) =>
  Effect.andThen(
    build,
    Effect.provide(
      bench(options),
      Layer.mergeAll(connectTo("postgres").pipe(Layer.provideMerge(Servers.layer)), FetchHttpClient.layer)
    )
  ).pipe(reportToPerson)
).pipe(
  Command.withDescription(
    "The worker beside the bare SDK, BullMQ, graphile-worker and its own former design. Needs Linux and redis-server"
  )
)

command.pipe(
  Command.run({ version: "0.1.0", renderErrors: true }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({ disableErrorReporting: true })
)
