import type { Effect } from "effect"
import { Context } from "effect"
import type { AwsError } from "../domain/AwsError.ts"
import type { NotNow } from "../domain/Settlement.ts"

/** An account that is called at the pace that AWS was found to allow it. */
export interface Throttled {
  readonly accountId: string
  readonly callsPerSecond: number
}

/**
 * How much of this worker each target account may take: places for jobs in flight, and calls at the pace that AWS allows. Both shrink when
 * an account is throttled or does not answer, and grow back by themselves, so that no account slows another.
 */
export class AccountShares extends Context.Service<
  AccountShares,
  {
    /** Takes one of the account's places in flight; false when it has none left. */
    readonly enter: (accountId: string) => Effect.Effect<boolean>
    readonly leave: (accountId: string) => Effect.Effect<void>
    /** One call to AWS, once it is the account's turn. Its outcome makes the share smaller or larger. */
    readonly call: <A>(
      accountId: string,
      call: Effect.Effect<A, AwsError | NotNow>
    ) => Effect.Effect<A, AwsError | NotNow>
    /** The accounts that are called more slowly, since AWS throttled them. */
    readonly throttled: Effect.Effect<ReadonlyArray<Throttled>>
  }
>()("worker-service-aws/services/AccountShares") {}
