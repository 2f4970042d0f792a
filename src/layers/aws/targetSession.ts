import { randomUUID } from "node:crypto"
import {
  type AttachedPermissionsBoundary,
  GetAccountSummaryCommand,
  GetPolicyCommand,
  GetRoleCommand,
  GetUserCommand,
  type IAMClient
} from "@aws-sdk/client-iam"
import { type Duration, Effect, Option } from "effect"
import type { AwsError } from "../../domain/AwsError.ts"
import { nobody } from "../../domain/handlerRole/sessionPolicy.ts"
import { operationOf, type PolicyChange } from "../../domain/PolicyChange.ts"
import type { TargetSession } from "../../services/AwsProbe.ts"
import { changePolicy, listAttached } from "./iamCalls.ts"
import { sdkCall } from "./sdkCall.ts"

/** A look at what a change would meet, through a client from `AwsSessions.looking`. */
export const targetSession = (client: IAMClient, timeout: Duration.Duration, change: PolicyChange): TargetSession => {
  const { policyArn: PolicyArn, principal, principalType } = change

  const attached = (marker?: string): Effect.Effect<ReadonlyArray<string>, AwsError> =>
    Effect.flatMap(listAttached(client, timeout, principalType, principal, marker), ({ value }) => {
      const page = (value.AttachedPolicies ?? []).flatMap(({ PolicyArn: arn }) => (arn === undefined ? [] : [arn]))
      return value.IsTruncated !== true || value.Marker === undefined
        ? Effect.succeed(page)
        : Effect.map(attached(value.Marker), (more) => [...page, ...more])
    })

  const boundary: Effect.Effect<AttachedPermissionsBoundary | undefined, AwsError> =
    principalType === "User"
      ? sdkCall("GetUser", timeout, (options) =>
          client.send(new GetUserCommand({ UserName: principal }), options)
        ).pipe(Effect.map(({ value }) => value.User?.PermissionsBoundary))
      : sdkCall("GetRole", timeout, (options) =>
          client.send(new GetRoleCommand({ RoleName: principal }), options)
        ).pipe(Effect.map(({ value }) => value.Role?.PermissionsBoundary))

  return {
    attempt: Effect.suspend(() =>
      Effect.asVoid(changePolicy(client, timeout, operationOf(change), nobody + randomUUID(), PolicyArn))
    ),
    attached: attached(),
    isAttachable: sdkCall("GetPolicy", timeout, (options) =>
      client.send(new GetPolicyCommand({ PolicyArn }), options)
    ).pipe(Effect.map(({ value }) => value.Policy?.IsAttachable !== false)),
    quota: sdkCall("GetAccountSummary", timeout, (options) =>
      client.send(new GetAccountSummaryCommand({}), options)
    ).pipe(
      Effect.map(({ value }) => Option.fromUndefinedOr(value.SummaryMap?.[`AttachedPoliciesPer${principalType}Quota`]))
    ),
    boundary: Effect.map(boundary, (it) => Option.fromUndefinedOr(it?.PermissionsBoundaryArn))
  }
}
