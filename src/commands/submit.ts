import { Console, Effect } from "effect"
import { Command, Flag, TerminalCapabilities } from "effect/cli"
import {
  Action,
  AccountId,
  DurationMinutes,
  EntitlementType,
  PolicyName,
  PrincipalName,
  PrincipalType
} from "../domain/Job.ts"
import { Refused } from "../domain/Refused.ts"
import { conclude } from "../programs/checks/conclude.ts"
import { preflight } from "../programs/preflight/preflight.ts"
import { newJob, type NewRequest, submit as program } from "../programs/operate/submit.ts"
import { DatabaseAndQueue } from "./backends.ts"
import { Probes } from "./probes.ts"
import { reportToPerson } from "./report.ts"

const flags = {
  account: Flag.String("account").pipe(Flag.withDescription("Target AWS account"), Flag.withSchema(AccountId)),
  principal: Flag.String("principal").pipe(Flag.withDescription("IAM user or role"), Flag.withSchema(PrincipalName)),
  principalType: Flag.Literals("principal-type", PrincipalType.literals).pipe(
    Flag.withDescription("What the principal is")
  ),
  action: Flag.Literals("action", Action.literals).pipe(Flag.withDescription("Attach the policy or detach it")),
  entitlement: Flag.String("entitlement").pipe(
    Flag.withDescription("Policy, with its path if it has one: service-role/AWSLambdaRole"),
    Flag.withSchema(PolicyName)
  ),
  entitlementType: Flag.Literals("entitlement-type", EntitlementType.literals).pipe(
    Flag.withDescription("default: managed by AWS, as without this flag; custom: of the target account"),
    Flag.withDefault("default")
  ),
  duration: Flag.Int("duration").pipe(
    Flag.withDescription("Minutes after which the access ends"),
    Flag.withSchema(DurationMinutes),
    Flag.optional
  ),
  clientRequestId: Flag.String("client-request-id").pipe(
    Flag.withDescription("Your own id for the request"),
    Flag.optional
  ),
  dryRun: Flag.Boolean("dry-run").pipe(
    Flag.withDescription("Tell whether it would succeed, and write nothing. Needs the worker's environment"),
    Flag.withDefault(false)
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("With --dry-run: an array of {check, status, detail, remedy}"),
    Flag.withDefault(false)
  )
}

interface Asked extends NewRequest {
  readonly dryRun: boolean
  readonly json: boolean
}

const run = Effect.fnUntraced(function* ({ dryRun, json, ...request }: Asked) {
  if (dryRun) {
    const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
    const findings = yield* Effect.provide(preflight(yield* newJob(request)), Probes)
    return yield* conclude(findings, { colours: canColor, json }, "would not succeed")
  }
  if (json) {
    return yield* new Refused({ reason: "--json is for --dry-run alone", remedy: "The id is all that submit prints" })
  }
  yield* Console.log(yield* Effect.provide(program(request), DatabaseAndQueue))
})

export const submit = Command.make("submit", flags, (asked) => reportToPerson(run(asked))).pipe(
  Command.withDescription(
    "Write a PENDING request and push its job, as the API does; prints the correlation id. Needs a role that may insert requests, such as csb_api_user"
  )
)
