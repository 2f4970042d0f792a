import type { Effect, Option, Scope } from "effect"
import { Context } from "effect"
import type { AwsError } from "../domain/AwsError.ts"
import type { HandlerOperation } from "../domain/handlerOperations.ts"
import type { Partition, PolicyChange } from "../domain/PolicyChange.ts"
import type { ConfigInvalid } from "./Config.ts"

/** The handler role, assumed in one account. */
export interface HandlerSession {
  /**
   * Calls IAM about a user or role that does not exist, so that nothing can change: fails with `NoSuchEntity` if the role may call it,
   * and with `AccessDenied` if not. `policyArn`: for the operations that are about a policy.
   */
  readonly attempt: (operation: HandlerOperation, policyArn: string) => Effect.Effect<void, AwsError>
}

/** The handler role, assumed for a look at what one change would meet. Its session can change nothing. */
export interface TargetSession {
  /** Makes the change's call, but about a user or role that does not exist: see `HandlerSession`. */
  readonly attempt: Effect.Effect<void, AwsError>
  /** ARNs of the managed policies that the principal has. */
  readonly attached: Effect.Effect<ReadonlyArray<string>, AwsError>
  /** Whether the policy may be attached to anything. Needs iam:GetPolicy. */
  readonly isAttachable: Effect.Effect<boolean, AwsError>
  /** How many managed policies a principal of this type may have. None: IAM did not tell. Needs iam:GetAccountSummary. */
  readonly quota: Effect.Effect<Option.Option<number>, AwsError>
  /** ARN of the principal's permissions boundary, if it has one. Needs iam:GetUser or iam:GetRole. */
  readonly boundary: Effect.Effect<Option.Option<string>, AwsError>
}

export interface AwsSession {
  readonly partition: Partition
  /** ARN of the worker's own identity. */
  readonly identity: Effect.Effect<string, AwsError>
  /** Milliseconds by which AWS's clock is ahead of ours, to a second or so. None: AWS sent no time. */
  readonly clockAhead: Effect.Effect<Option.Option<number>>
  readonly roleArn: (accountId: string) => string
  readonly hasExternalId: boolean
  /** The handler role, assumed only to look at what a change would meet. */
  readonly look: (change: PolicyChange) => Effect.Effect<TargetSession, AwsError>
  readonly assume: (accountId: string) => Effect.Effect<HandlerSession, AwsError>
}

/** AWS as the worker would meet it. */
export class AwsProbe extends Context.Service<
  AwsProbe,
  { readonly connect: Effect.Effect<AwsSession, ConfigInvalid, Scope.Scope> }
>()("worker-service-aws/services/AwsProbe") {}
