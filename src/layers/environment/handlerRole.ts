import { Effect, Option } from "effect"
import { arnLike, type HandlerRole } from "../../domain/handlerRole/HandlerRole.ts"
import { partitionOf } from "../../domain/PolicyChange.ts"
import { fault, type Reader, readAll } from "./reader.ts"
import { handlerRole as section } from "./sections.ts"

/** The handler role that fits a worker with this environment. No variable has to be set. */
export const handlerRole: Reader<Omit<HandlerRole, "trusted" | "organizationId">> = Effect.flatMap(
  section,
  ({ policyRules, region, roleName, roleSessionName, ...rest }) =>
    Effect.map(
      readAll({
        allow: Option.match(policyRules.allow, {
          onNone: () => Effect.succeedNone,
          onSome: (patterns) => Effect.asSome(arnPatterns("POLICY_ALLOW", patterns))
        }),
        deny: arnPatterns("POLICY_DENY", policyRules.deny)
      }),
      (patterns) => ({
        ...rest,
        ...patterns,
        partition: Option.match(region, { onNone: () => "aws", onSome: partitionOf }),
        name: roleName,
        sessionName: roleSessionName
      })
    )
)

const arnPatterns = (variable: string, patterns: ReadonlyArray<string>) =>
  Effect.forEach(patterns, (pattern) =>
    Option.match(arnLike(pattern), {
      onNone: () =>
        Effect.fail(
          fault(`${variable}: a role's policy needs patterns with all six parts of an ARN, or without a colon`)
        ),
      onSome: Effect.succeed
    })
  )
