import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { findRedis } from "../../local/redis.ts"
import { reportToPerson } from "../../src/commands/report.ts"
import { privateStage } from "./PrivateServers.ts"
import { complaints, render } from "./report.ts"
import { run } from "./run.ts"

/** Something cannot be had here, or something happened that must not. */
class ChaosFailure extends Schema.TaggedError<ChaosFailure>()("ChaosFailure", { message: Schema.String }) {}

const flags = {
  minutes: Flag.Finite("minutes").pipe(
    Flag.withDescription("How long faults are injected (10)"),
    Flag.withSchema(Schema.Finite.check(Schema.isBetween({ minimum: 0.05, maximum: 1_440 }))),
    Flag.withDefault(10)
  ),
  seed: Flag.Int("seed").pipe(
    Flag.withDescription("Which faults, and when; any, unless it is given"),
    Flag.withDefault(Math.floor(Math.random() * 1_000_000))
  )
}

const chaos = Effect.fnUntraced(function* ({ minutes, seed }: { readonly minutes: number; readonly seed: number }) {
  const binary = Option.getOrUndefined(yield* findRedis)
  if (binary === undefined) return yield* new ChaosFailure({ message: "No Redis here: install redis-server" })
  const plan = { millis: minutes * 60_000, seed }
  yield* Console.log(`${minutes} minutes with the seed ${seed}`)
  const outcome = yield* run(plan).pipe(Effect.scoped, Effect.provide(privateStage(binary)))
  yield* Console.log(`\n${render(plan, outcome)}`)
  const wrong = complaints(outcome).length
  if (wrong > 0) return yield* new ChaosFailure({ message: `${wrong} things that must not be` })
})

const command = Command.make("chaos", flags, (options) => reportToPerson(chaos(options))).pipe(
  Command.withDescription("Three replicas under faults at random, and a report of what became of their jobs")
)

command.pipe(
  Command.run({ version: "0.1.0", renderErrors: true }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({ disableErrorReporting: true })
)
