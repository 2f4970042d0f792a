import type { IAMClient } from "@aws-sdk/client-iam"
import { Effect, Layer } from "effect"
import type { AwsError } from "../../domain/AwsError.ts"
import { isSamePolicy, operationOf, type PolicyChange, type Principal } from "../../domain/PolicyChange.ts"
import { type Answer, AwsIam } from "../../services/AwsIam.ts"
import { AwsSessions, type Reading } from "./AwsSessions.ts"
import { AwsConfig } from "../../services/Config.ts"
import { changePolicy, listAttached } from "./iamCalls.ts"

/** `AwsIam` over the AWS SDK. If a session ends before its time, the role is assumed again, once. */
export const AwsIamLive = Layer.effect(
  AwsIam,
  Effect.gen(function* () {
    const sessions = yield* AwsSessions
    const { callTimeout } = yield* AwsConfig

    const withClient = <A>(purpose: PolicyChange | Reading, use: (client: IAMClient) => Effect.Effect<A, AwsError>) => {
      const once = Effect.flatMap(sessions.client(purpose), (client) =>
        Effect.tapErrorTag(use(client), "SessionExpired", () => sessions.forget(purpose, client))
      )
      return Effect.catchTag(once, "SessionExpired", () => once)
    }

    const isAttached = (
      client: IAMClient,
      change: PolicyChange,
      marker?: string
    ): Effect.Effect<Answer<boolean>, AwsError> =>
      Effect.flatMap(
        listAttached(client, callTimeout, change.principalType, change.principal, marker),
        ({ requestId, value }) => {
          const attached =
            value.AttachedPolicies?.some(({ PolicyArn }) => isSamePolicy(change, PolicyArn ?? "")) ?? false
          return attached || value.IsTruncated !== true || value.Marker === undefined
            ? Effect.succeed({ value: attached, requestId })
            : isAttached(client, change, value.Marker)
        }
      )

    const attachedTo = (
      client: IAMClient,
      principal: Principal,
      before: ReadonlyArray<string> = [],
      marker?: string
    ): Effect.Effect<Answer<ReadonlyArray<string>>, AwsError> =>
      Effect.flatMap(
        listAttached(client, callTimeout, principal.principalType, principal.principal, marker),
        ({ requestId, value }) => {
          const arns = [...before, ...(value.AttachedPolicies ?? []).map(({ PolicyArn }) => PolicyArn ?? "")]
          return value.IsTruncated !== true || value.Marker === undefined
            ? Effect.succeed({ value: arns, requestId })
            : attachedTo(client, principal, arns, value.Marker)
        }
      )

    return AwsIam.of({
      apply: (change) =>
        withClient(change, (client) =>
          Effect.map(
            changePolicy(client, callTimeout, operationOf(change), change.principal, change.policyArn),
            ({ requestId }) => ({ value: undefined, requestId })
          )
        ),
      isAttached: (change) => withClient(change, (client) => isAttached(client, change)),
      attachedTo: (principal) =>
        withClient({ _tag: "Reading", accountId: principal.accountId }, (client) => attachedTo(client, principal)),
      identity: sessions.identity
    })
  })
)
