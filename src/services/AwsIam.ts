import type { Effect, Option } from "effect"
import { Context } from "effect"
import type { AwsError } from "../domain/AwsError.ts"
import type { PolicyChange, Principal } from "../domain/PolicyChange.ts"

export interface Answer<A> {
  readonly value: A
  /** AWS's id of the request, from the answer's headers: text, not always a UUID. */
  readonly requestId: Option.Option<string>
}

/** IAM in the target accounts, reached through the assumed handler role. One call each; no retries. */
export class AwsIam extends Context.Service<
  AwsIam,
  {
    /** Attaching what is attached succeeds; detaching what is not is `NoSuchEntity`. */
    readonly apply: (change: PolicyChange) => Effect.Effect<Answer<void>, AwsError>
    /** Whether the policy is attached now. */
    readonly isAttached: (change: PolicyChange) => Effect.Effect<Answer<boolean>, AwsError>
    /** ARNs of all policies that are attached to the principal now. `NoSuchEntity`: there is no such principal. */
    readonly attachedTo: (principal: Principal) => Effect.Effect<Answer<ReadonlyArray<string>>, AwsError>
    /** STS's answer to who the worker is: its ARN. Fails with `CredentialsInvalid` while STS does not know it. */
    readonly identity: Effect.Effect<string, AwsError>
  }
>()("worker-service-aws/services/AwsIam") {}
