import { Argument, Flag } from "effect/cli"
import { Who, Why } from "../domain/Intervention.ts"
import { AccountId, CorrelationId } from "../domain/Job.ts"

export const json = Flag.Boolean("json").pipe(
  Flag.withoutNegation,
  Flag.withDescription("Print JSON, for scripts"),
  Flag.withDefault(false)
)

export const correlationId = Argument.String("correlation-id").pipe(
  Argument.withDescription("The id that the API answered with"),
  Argument.withSchema(CorrelationId)
)

/** One target account, or none. */
export const account = (description: string) =>
  Flag.String("account").pipe(Flag.withDescription(description), Flag.withSchema(AccountId), Flag.optional)

export const by = Flag.String("by").pipe(
  Flag.withMetavar("who"),
  Flag.withDescription("Who wants it; the audit trail says so"),
  Flag.withSchema(Who)
)
export const why = Flag.String("why").pipe(
  Flag.withMetavar("text"),
  Flag.withDescription("Why, such as a ticket; the audit trail says so"),
  Flag.withSchema(Why)
)
