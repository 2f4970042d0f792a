import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import {
  Action,
  AccountId,
  DurationMinutes,
  EntitlementType,
  PolicyName,
  PrincipalName,
  PrincipalType
} from "../domain/Job.ts"
import { submit as program } from "../programs/submit.ts"
import { DatabaseAndQueue } from "./backends.ts"
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
    Flag.withDescription("default: managed by AWS, unless told; custom: of the target account"),
    Flag.withDefault("default")
  ),
  duration: Flag.Int("duration").pipe(
    Flag.withDescription("Minutes after which the access ends"),
    Flag.withSchema(DurationMinutes),
    Flag.optional
  ),
  clientRequestId: Flag.String("client-request-id").pipe(
    Flag.withDescription("Your own id of the request"),
    Flag.optional
  )
}

export const submit = Command.make("submit", flags, (request) =>
  program(request).pipe(Effect.provide(DatabaseAndQueue), reportToPerson)
).pipe(
  Command.withDescription(
    "Write a PENDING request and push its job, as the API does; prints the correlation id. Needs a role that may insert requests, such as csb_api_user"
  )
)
