import type { IAMClient } from "@aws-sdk/client-iam"
import type { Effect } from "effect"
import { Context } from "effect"
import type { AwsError } from "../domain/AwsError.ts"

/** Sessions of the handler role in the target accounts, each assumed once and shared while it lives. */
export class AwsSessions extends Context.Service<
  AwsSessions,
  {
    /** A client that acts in the account. However many ask at once, STS is asked once. */
    readonly client: (accountId: string) => Effect.Effect<IAMClient, AwsError>
    /** Forgets the client whose session AWS says is over, unless another has taken its place already. */
    readonly forget: (accountId: string, client: IAMClient) => Effect.Effect<void>
    /** ARN of the worker's own identity. */
    readonly identity: Effect.Effect<string, AwsError>
  }
>()("worker-service-aws/services/AwsSessions") {}
