import { Console, DateTime, Effect, Layer } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { CorrelationId, DurationMinutes, PrincipalName } from "../domain/Job.ts"
import { DatabaseConfigLive } from "../layers/environment/ConfigLive.ts"
import { GrantsSql } from "../layers/postgres/GrantsSql.ts"
import { SqlLive } from "../layers/postgres/SqlLive.ts"
import { endGrant, extendGrant } from "../programs/operate/grants.ts"
import { Grants, mostGrants } from "../services/Grants.ts"
import { account, by, json, why } from "./flags.ts"
import { grantsAsJson, grantsForPeople } from "./render/grants.ts"
import { reportToPerson } from "./report.ts"

const Live = GrantsSql.pipe(Layer.provide(SqlLive), Layer.provide(DatabaseConfigLive))

const id = Argument.String("id").pipe(
  Argument.withDescription("Correlation id of the grant, or of the request that ends it"),
  Argument.withSchema(CorrelationId)
)

const end = Command.make("end", { id, by, why }, (asked) =>
  endGrant(asked.id, asked).pipe(
    Effect.flatMap((moved) => Console.log(`${moved.id} ends now, by request ${moved.endId}`)),
    Effect.provide(Live),
    reportToPerson
  )
).pipe(Command.withDescription("End access now: a worker takes it away within RECOVERY_INTERVAL"))

const minutes = Flag.Int("minutes").pipe(
  Flag.withDescription("How many minutes later it ends; from now, if it is due already"),
  Flag.withSchema(DurationMinutes)
)

const extend = Command.make("extend", { id, minutes, by, why }, (asked) =>
  extendGrant(asked.id, asked.minutes, asked).pipe(
    Effect.flatMap((moved) =>
      Console.log(`${moved.id} ends ${DateTime.formatIso(moved.endsAt)}, by request ${moved.endId}`)
    ),
    Effect.provide(Live),
    reportToPerson
  )
).pipe(Command.withDescription("Let access end later"))

const filters = {
  account: account("Of this AWS account only"),
  principal: Flag.String("principal").pipe(
    Flag.withDescription("Of this IAM user or role only"),
    Flag.withSchema(PrincipalName),
    Flag.optional
  ),
  json
}

export const grants = Command.make("grants", filters, (asked) =>
  Effect.gen(function* () {
    const found = yield* (yield* Grants).list({ accountId: asked.account, principal: asked.principal })
    yield* Console.log(
      asked.json ? grantsAsJson(found) : found.length === 0 ? "no access that ends" : grantsForPeople(found)
    )
    if (found.length === mostGrants) {
      yield* Console.error(`these are the next ${mostGrants} ends; for others name an --account or a --principal`)
    }
  }).pipe(Effect.provide(Live), reportToPerson)
).pipe(
  Command.withDescription("List the access that is granted for a time and has not ended, the next end first"),
  Command.withSubcommands([end, extend])
)
