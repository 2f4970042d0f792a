import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { queueOverview } from "../programs/operate/queueOverview.ts"
import { RedisConfig } from "../services/Config.ts"
import { DatabaseAndQueue } from "./backends.ts"
import { json } from "./flags.ts"
import { queueAsJson, queueForPeople } from "./render/queue.ts"
import { style } from "./render/style.ts"
import { reportToPerson } from "./report.ts"

export const queue = Command.make("queue", { json }, (asked) =>
  Effect.gen(function* () {
    const config = yield* RedisConfig
    const overview = yield* queueOverview
    yield* Console.log(
      asked.json ? queueAsJson(config.queue, overview) : queueForPeople(config.queue, overview, yield* style)
    )
  }).pipe(Effect.provide(DatabaseAndQueue), reportToPerson)
).pipe(
  Command.withDescription(
    "Show what waits, what is in flight for which account, what is parked or delayed, and which workers are alive"
  )
)
