import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { retryRequest } from "../programs/operate/retryRequest.ts"
import { DatabaseAndQueue } from "./backends.ts"
import { by, correlationId, why } from "./flags.ts"
import { reportToPerson } from "./report.ts"

export const retry = Command.make("retry", { id: correlationId, by, why }, (asked) =>
  retryRequest(asked.id, asked).pipe(
    Effect.andThen(Console.log(`retried: request ${asked.id} is PENDING again, and its job is in the queue`)),
    Effect.provide(DatabaseAndQueue),
    reportToPerson
  )
).pipe(
  Command.withDescription(
    "Put a FAILED request back through PENDING, with an audit row that names you, and push its job. Refused when a later request on the same account, principal and entitlement is done or in progress, since this one would take effect after it. Earlier deliveries count: a request that has used up JOB_MAX_DELIVERIES gets one more"
  ),
  Command.withShortDescription("Put a FAILED request back, in your name"),
  Command.withExamples([
    {
      command: 'worker-service-aws retry 6f1f3bd0-9f0e-4a5e-8f52-0e9d7f3f2a11 --by ann --why "OPS-17: AWS is back"',
      description: "After an outage of AWS"
    }
  ])
)
