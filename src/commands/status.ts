import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { status as program } from "../programs/operate/status.ts"
import { Database } from "./backends.ts"
import { correlationId, json } from "./flags.ts"
import { requestAsJson, requestForPeople } from "./render/request.ts"
import { style } from "./render/style.ts"
import { reportToPerson } from "./report.ts"

export const status = Command.make("status", { id: correlationId, json }, (asked) =>
  Effect.gen(function* () {
    const record = yield* program(asked.id)
    yield* Console.log(asked.json ? requestAsJson(asked.id, record) : requestForPeople(asked.id, record, yield* style))
  }).pipe(Effect.provide(Database), reportToPerson)
).pipe(
  Command.withDescription("Show a request, its audit trail with the time that each step took, and its AWS request ids")
)
