import { Effect, Option } from "effect"
import type { AwsError } from "../../domain/AwsError.ts"
import { failed, ok } from "../../domain/Finding.ts"
import { type HandlerOperation, handlerOperations } from "../../domain/handlerOperations.ts"
import { PrincipalType } from "../../domain/Job.ts"
import type { HandlerSession } from "../../services/AwsProbe.ts"

/**
 * Whether the handler role may call all that the worker calls. Each operation is tried on a user or role that does not exist, with a policy
 * that may be attached: the role may allow certain policies only.
 */
export const checkPermissions = Effect.fnUntraced(function* (handler: HandlerSession, policyArn: string) {
  const attempts = yield* Effect.forEach(handlerOperations, (operation) => refusalOf(handler, operation, policyArn), {
    concurrency: "unbounded"
  })
  const refusals = attempts.flatMap(Option.toArray)
  const denied = refusals.filter(({ _tag }) => _tag === "AccessDenied")
  const [first] = denied
  if (first !== undefined) {
    const actions = denied.map(({ operation }) => `iam:${operation}`).join(", ")
    return failed(
      `the handler role may not call ${actions}, tried with ${policyArn}: ${first.message}`,
      `Allow this on ${principals} in the role's policies, and check its permissions boundary and the SCPs; ` +
        `if the role may only attach certain policies, name one of them first in POLICY_ALLOW, and doctor tries that one`
    )
  }
  return refusals.length > 0
    ? failed(
        refusals.map(({ code, message, operation }) => `${code}: ${message} (${operation})`).join("; "),
        "Look again in a minute"
      )
    : ok(`the handler role may call all that the worker calls, tried with ${policyArn} on nobody`)
})

/** `user/* and role/*`, as the role's policies name them. */
const principals = PrincipalType.literals.map((type) => `${type.toLowerCase()}/*`).join(" and ")

/** None: IAM allowed the call, and found nobody of that name. */
const refusalOf = (handler: HandlerSession, operation: HandlerOperation, policyArn: string) =>
  handler.attempt(operation, policyArn).pipe(
    Effect.as(Option.none<AwsError>()),
    Effect.catch((error) =>
      Effect.succeed(error._tag === "NoSuchEntity" ? Option.none<AwsError>() : Option.some<AwsError>(error))
    )
  )
