import { Console, Effect, Option } from "effect"
import { Command } from "effect/cli"
import type { PauseScope } from "../domain/Pause.ts"
import { Refused } from "../domain/Refused.ts"
import { pause as program } from "../programs/operate/pause.ts"
import { Pauses } from "../services/Pauses.ts"
import { KillSwitch } from "./backends.ts"
import { account, by, why } from "./flags.ts"
import { reportToPerson } from "./report.ts"

const scopeFlags = { account: account("Only the jobs of this target account; without it, all") }

const scopeOf = (accountId: Option.Option<string>): PauseScope => Option.getOrElse(accountId, () => "all" as const)
const jobsOf = (scope: PauseScope) => (scope === "all" ? "all jobs" : `the jobs of account ${scope}`)

export const pause = Command.make("pause", { ...scopeFlags, by, why }, (asked) => {
  const scope = scopeOf(asked.account)
  return program(scope, asked).pipe(
    Effect.andThen(
      Console.log(`paused: within a second no worker takes ${jobsOf(scope)} any more; those in flight finish`)
    ),
    Effect.provide(KillSwitch),
    reportToPerson
  )
}).pipe(
  Command.withDescription(
    "Stop all workers from taking jobs, revocations included, until resume. Jobs in flight finish; all others stay where they are, in their order, and lose no delivery"
  ),
  Command.withShortDescription("Stop workers from taking jobs: all, or an account's")
)

export const resume = Command.make("resume", scopeFlags, (asked) => {
  const scope = scopeOf(asked.account)
  return Effect.flatMap(Pauses, (pauses) => pauses.resume(scope)).pipe(
    Effect.flatMap((there) =>
      there
        ? Console.log(`resumed: ${jobsOf(scope)} are taken again`)
        : new Refused({ reason: `${jobsOf(scope)} are not paused`, remedy: "See what is: worker-service-aws queue" })
    ),
    Effect.provide(KillSwitch),
    reportToPerson
  )
}).pipe(Command.withDescription("End a pause"))
