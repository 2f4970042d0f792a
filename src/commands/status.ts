import { Effect, Layer } from "effect"
import { Argument, Command } from "effect/cli"
import { CorrelationId } from "../domain/Job.ts"
import { DatabaseConfigLive } from "../layers/environment/ConfigLive.ts"
import { JobStoreSql } from "../layers/postgres/JobStoreSql.ts"
import { SqlLive } from "../layers/postgres/SqlLive.ts"
import { status as program } from "../programs/status.ts"
import { reportToPerson } from "./report.ts"

const Live = JobStoreSql.pipe(Layer.provide(SqlLive), Layer.provide(DatabaseConfigLive))

const id = Argument.String("correlation-id").pipe(
  Argument.withDescription("The id that the API answered with"),
  Argument.withSchema(CorrelationId)
)

export const status = Command.make("status", { id }, (request) =>
  program(request.id).pipe(Effect.provide(Live), reportToPerson)
).pipe(Command.withDescription("Show a request, its audit trail and its AWS request ids"))
