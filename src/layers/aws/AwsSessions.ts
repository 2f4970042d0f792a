import type { IAMClient } from "@aws-sdk/client-iam"
import type { Effect } from "effect"
import { Context } from "effect"
import type { AwsError } from "../../domain/AwsError.ts"
import type { PolicyChange } from "../../domain/PolicyChange.ts"

/** Reads what the principals of an account have, and changes nothing. */
export interface Reading {
  readonly _tag: "Reading"
  readonly accountId: string
}

/** Sessions of the handler role in the target accounts, each assumed once and used until it is about to end. */
export class AwsSessions extends Context.Service<
  AwsSessions,
  {
    /**
     * A client for the change: its account's, or with `AWS_SESSION_SCOPE=job` one that can do nothing else. For reading, always one that
     * can change nothing. However many ask for the same client at once, STS is asked once.
     */
    readonly client: (use: PolicyChange | Reading) => Effect.Effect<IAMClient, AwsError>
    /** A client for all that the worker does in an account, whatever `AWS_SESSION_SCOPE` says. */
    readonly shared: (accountId: string) => Effect.Effect<IAMClient, AwsError>
    /** A client for a look at what the change would meet, which can change nothing. A new one each time, since nobody looks twice. */
    readonly looking: (change: PolicyChange) => Effect.Effect<IAMClient, AwsError>
    /** Forgets a client whose session has ended, as AWS says, unless another has taken its place already. */
    readonly forget: (use: PolicyChange | Reading, client: IAMClient) => Effect.Effect<void>
    /** ARN of the worker's own identity. */
    readonly identity: Effect.Effect<string, AwsError>
  }
>()("worker-service-aws/layers/aws/AwsSessions") {}
