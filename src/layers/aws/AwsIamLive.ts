import type { IAMClient } from "@aws-sdk/client-iam"
import { Effect, Layer } from "effect"
import type { AwsError } from "../../domain/AwsError.ts"
import { isAbout, operationOf, type PolicyChange } from "../../domain/PolicyChange.ts"
import { type Answer, AwsIam } from "../../services/AwsIam.ts"
import { AwsSessions } from "../../services/AwsSessions.ts"
import { AwsConfig } from "../../services/Config.ts"
import { changePolicy, listAttached } from "./iamCalls.ts"

/** `AwsIam` over the AWS SDK. A session that is over before its time is assumed again, once. */
export const AwsIamLive = Layer.effect(
  AwsIam,
  Effect.gen(function* () {
    const sessions = yield* AwsSessions
    const { callTimeout } = yield* AwsConfig

    const withClient = <A>(change: PolicyChange, use: (client: IAMClient) => Effect.Effect<A, AwsError>) => {
      const once = Effect.flatMap(sessions.client(change), (client) =>
        Effect.tapErrorTag(use(client), "SessionExpired", () => sessions.forget(change, client))
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
          const attached = value.AttachedPolicies?.some(({ PolicyArn }) => isAbout(change, PolicyArn ?? "")) ?? false
          return attached || value.IsTruncated !== true || value.Marker === undefined
            ? Effect.succeed({ value: attached, requestId })
            : isAttached(client, change, value.Marker)
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
      identity: sessions.identity
    })
  })
)
