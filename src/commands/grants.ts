import { Effect, Layer } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { AccountId, CorrelationId, DurationMinutes, PrincipalName } from "../domain/Job.ts"
import { DatabaseConfigLive } from "../layers/environment/ConfigLive.ts"
import { GrantsSql } from "../layers/postgres/GrantsSql.ts"
import { SqlLive } from "../layers/postgres/SqlLive.ts"
import { endGrant, extendGrant, listGrants } from "../programs/grants.ts"
import { by, why } from "./flags.ts"
import { reportToPerson } from "./report.ts"

const Live = GrantsSql.pipe(Layer.provide(SqlLive), Layer.provide(DatabaseConfigLive))

const id = Argument.String("id").pipe(
  Argument.withDescription("Correlation id of the grant, or of the request that ends it"),
  Argument.withSchema(CorrelationId)
)
const end = Command.make("end", { id, by, why }, ({ id: grant, ...given }) =>
  endGrant(grant, given).pipe(Effect.provide(Live), reportToPerson)
).pipe(Command.withDescription("Let access end now: a worker takes it away within RECOVERY_INTERVAL"))

const minutes = Flag.Int("minutes").pipe(
  Flag.withDescription("How much later it ends; from now, if it is due already"),
  Flag.withSchema(DurationMinutes)
)

const extend = Command.make("extend", { id, minutes, by, why }, ({ id: grant, minutes: more, ...given }) =>
  extendGrant(grant, more, given).pipe(Effect.provide(Live), reportToPerson)
).pipe(Command.withDescription("Let access end later"))

const filters = {
  account: Flag.String("account").pipe(
    Flag.withDescription("Of this AWS account only"),
    Flag.withSchema(AccountId),
    Flag.optional
  ),
  principal: Flag.String("principal").pipe(
    Flag.withDescription("Of this IAM user or role only"),
    Flag.withSchema(PrincipalName),
    Flag.optional
  ),
  json: Flag.Boolean("json").pipe(Flag.withDescription("As JSON"), Flag.withDefault(false))
}

export const grants = Command.make("grants", filters, (asked) =>
  listGrants(asked).pipe(Effect.provide(Live), reportToPerson)
).pipe(
  Command.withDescription("Show the access that ends and has not ended yet, the next end first"),
  Command.withSubcommands([end, extend])
)
