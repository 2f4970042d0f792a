import { Console, Effect, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { cloudFormation } from "../domain/handlerRole/cloudFormation.ts"
import { json } from "../domain/handlerRole/json.ts"
import { parameters } from "../domain/handlerRole/parameters.ts"
import { terraform } from "../domain/handlerRole/terraform.ts"
import { handlerRole } from "../layers/environment/handlerRole.ts"
import { reportToPerson } from "./report.ts"

const formats = { json, cloudformation: cloudFormation, terraform }

const matching = (pattern: string, expected: string) =>
  Schema.String.check(Schema.isPattern(new RegExp(pattern), { expected }))

const { externalId, trusted } = parameters

const flags = {
  format: Flag.Literals("format", ["json", "cloudformation", "terraform"]).pipe(
    Flag.withDescription("What to print: both policies, or what deploys the role"),
    Flag.withDefault("json")
  ),
  trusted: Flag.String("trusted-principal").pipe(
    Flag.withDescription(trusted.description),
    Flag.withSchema(matching(trusted.pattern, trusted.violation)),
    Flag.optional
  ),
  externalId: Flag.String("external-id").pipe(
    Flag.withDescription(`${externalId.description}, if not from the environment`),
    Flag.withSchema(matching(externalId.pattern, externalId.violation)),
    Flag.optional
  ),
  organizationId: Flag.String("organization").pipe(
    Flag.withDescription("Organization that the worker's account has to belong to, such as o-a1b2c3d4e5"),
    Flag.withSchema(matching("^o-[a-z0-9]{10,32}$", "the id of an AWS organization")),
    Flag.optional
  )
}

export const roleTemplate = Command.make("role-template", flags, ({ format, ...given }) =>
  Effect.gen(function* () {
    const settings = yield* handlerRole
    yield* Console.log(
      formats[format]({ ...settings, ...given, externalId: Option.orElse(given.externalId, () => settings.externalId) })
    )
    if (format !== "json") return
    if (Option.isNone(given.trusted))
      yield* Console.error("name the worker in trustPolicy, or give --trusted-principal")
  }).pipe(reportToPerson)
).pipe(
  Command.withDescription(
    "Print the role that the worker assumes in each account: who may assume it, and what it may do. Follows the worker's own variables (AWS_ASSUME_ROLE_NAME, AWS_ROLE_SESSION_NAME, AWS_EXTERNAL_ID, POLICY_DENY, …) where they are set"
  )
)
