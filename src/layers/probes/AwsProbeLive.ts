import { randomUUID } from "node:crypto"
import {
  AttachRolePolicyCommand,
  AttachUserPolicyCommand,
  DetachRolePolicyCommand,
  DetachUserPolicyCommand,
  type IAMClient,
  ListAttachedRolePoliciesCommand,
  ListAttachedUserPoliciesCommand
} from "@aws-sdk/client-iam"
import { Context, Effect, FileSystem, Layer, Option } from "effect"
import type { HandlerOperation } from "../../domain/handlerOperations.ts"
import { handlerRoleArn, type PolicyChange } from "../../domain/PolicyChange.ts"
import { AwsConfig } from "../../services/Config.ts"
import { AwsProbe } from "../../services/AwsProbe.ts"
import { AwsSessions } from "../../services/AwsSessions.ts"
import { AwsSessionsLive } from "../aws/AwsSessionsLive.ts"
import { clockAhead } from "../aws/clockOfAws.ts"
import { sdkCall } from "../aws/sdkCall.ts"
import { AwsConfigLive, WorkerConfigOrDefaults } from "../environment/ConfigLive.ts"

/** The session that is tried is the one that the jobs of an account share: a job's own may do nothing but its change. */
const AccountSessions = Layer.effect(
  AwsConfig,
  Effect.map(AwsConfig, (config) => ({ ...config, sessionScope: "account" as const }))
)

const Live = AwsSessionsLive.pipe(
  Layer.provideMerge(AccountSessions),
  Layer.provide(Layer.mergeAll(AwsConfigLive, WorkerConfigOrDefaults))
)

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
          assume: (accountId: string) =>
            Effect.map(sessions.client(nobodysChange(accountId)), (client) => ({
              attempt: (operation: HandlerOperation, policyArn: string) =>
                Effect.asVoid(attempt(client, operation, policyArn, config.callTimeout))
            }))
        }
      }).pipe(Effect.provideService(FileSystem.FileSystem, files))
    })
  })
)

/** A session belongs to a change; this one is never made. */
const nobodysChange = (accountId: string): PolicyChange => ({
  correlationId: randomUUID(),
  accountId,
  principalType: "User",
  principal: "nobody",
  action: "remove",
  policyArn: ""
})

/**
 * IAM decides whether a caller may call before it looks up what the call is about
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html). The name is of 122 random bits.
 */
const attempt = (
  client: IAMClient,
  operation: HandlerOperation,
  PolicyArn: string,
  timeout: AwsConfig["Service"]["callTimeout"]
) => {
  const name = `missing-${randomUUID()}`
  return sdkCall(operation, timeout, (options) => {
    switch (operation) {
      case "AttachUserPolicy":
        return client.send(new AttachUserPolicyCommand({ UserName: name, PolicyArn }), options)
      case "DetachUserPolicy":
        return client.send(new DetachUserPolicyCommand({ UserName: name, PolicyArn }), options)
      case "AttachRolePolicy":
        return client.send(new AttachRolePolicyCommand({ RoleName: name, PolicyArn }), options)
      case "DetachRolePolicy":
        return client.send(new DetachRolePolicyCommand({ RoleName: name, PolicyArn }), options)
      case "ListAttachedUserPolicies":
        return client.send(new ListAttachedUserPoliciesCommand({ UserName: name }), options)
      case "ListAttachedRolePolicies":
        return client.send(new ListAttachedRolePoliciesCommand({ RoleName: name }), options)
    }
  })
}
