import { randomUUID } from "node:crypto"
import type { IAMClient } from "@aws-sdk/client-iam"
import { Context, Effect, FileSystem, Layer, Option } from "effect"
import type { AwsError } from "../../domain/AwsError.ts"
import type { HandlerOperation } from "../../domain/handlerOperations.ts"
import { nobody } from "../../domain/handlerRole/sessionPolicy.ts"
import { handlerRoleArn, type PolicyChange } from "../../domain/PolicyChange.ts"
import { AwsConfig } from "../../services/Config.ts"
import { AwsProbe } from "../../services/AwsProbe.ts"
import { AwsSessions } from "../aws/AwsSessions.ts"
import { AwsSessionsLive } from "../aws/AwsSessionsLive.ts"
import { clockAhead } from "../aws/clockOfAws.ts"
import { changePolicy, listAttached } from "../aws/iamCalls.ts"
import { targetSession } from "../aws/targetSession.ts"
import { AwsConfigLive, WorkerConfigOrDefaults } from "../environment/ConfigLive.ts"

const Live = AwsSessionsLive.pipe(Layer.provideMerge(AwsConfigLive), Layer.provide(WorkerConfigOrDefaults))

export const AwsProbeLive = Layer.effect(
  AwsProbe,
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    return AwsProbe.of({
      connect: Effect.gen(function* () {
        const context = yield* Layer.build(Live)
        const config = Context.get(context, AwsConfig)
        const sessions = Context.get(context, AwsSessions)
        return {
          partition: config.partition,
          identity: sessions.identity,
          clockAhead: clockAhead(config),
          roleArn: (accountId: string) => handlerRoleArn(config.partition, accountId, config.roleName),
          hasExternalId: Option.isSome(config.externalId),
          look: (change: PolicyChange) =>
            Effect.map(sessions.looking(change), (client) => targetSession(client, config.callTimeout, change)),
          assume: (accountId: string) =>
            Effect.map(sessions.shared(accountId), (client) => ({
              attempt: (operation: HandlerOperation, policyArn: string) =>
                attempt(client, operation, policyArn, config.callTimeout)
            }))
        }
      }).pipe(Effect.provideService(FileSystem.FileSystem, files))
    })
  })
)

/**
 * IAM decides whether a caller may call before it looks up what the call is about
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html). The name has 122 random bits.
 */
const attempt = (
  client: IAMClient,
  operation: HandlerOperation,
  policyArn: string,
  timeout: AwsConfig["Service"]["callTimeout"]
): Effect.Effect<void, AwsError> => {
  const name = nobody + randomUUID()
  switch (operation) {
    case "ListAttachedUserPolicies":
      return Effect.asVoid(listAttached(client, timeout, "User", name))
    case "ListAttachedRolePolicies":
      return Effect.asVoid(listAttached(client, timeout, "Role", name))
    default:
      return Effect.asVoid(changePolicy(client, timeout, operation, name, policyArn))
  }
}
