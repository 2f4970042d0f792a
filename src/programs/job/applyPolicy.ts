import { Duration, Effect, Metric, Option, Random, Schedule } from "effect"
import type { AwsError, Timeout } from "../../domain/AwsError.ts"
import * as metrics from "../../domain/metrics.ts"
import type { PolicyChange } from "../../domain/PolicyChange.ts"
import { isTemporary } from "../../domain/Request.ts"
import type { Effected, NotNow } from "../../domain/Settlement.ts"
import { AccountShares } from "../../services/AccountShares.ts"
import { AwsIam } from "../../services/AwsIam.ts"
import { WorkerConfig } from "../../services/Config.ts"
import { type Claim, JobStore } from "../../services/JobStore.ts"
import { Leases } from "../../services/Leases.ts"
import { noteBefore } from "./noteBefore.ts"

export interface Applied {
  readonly requestId: Option.Option<string>
  readonly effected: Effected
}

/** Milliseconds; a server that asks for a longer wait is called again sooner, since the job holds a slot meanwhile. */
const maxRetryAfter = 60_000

type RetrySettings = Pick<WorkerConfig["Service"], "retryMaxAttempts" | "retryBaseDelay" | "retryMaxDelay">

/**
 * When a failed call is made again: transient errors only, after a random time between nothing and base·2ⁿ, capped
 * ("full jitter", https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), but never before the time
 * that the server asked for.
 */
export const retrySchedule = (settings: RetrySettings) =>
  Schedule.exponential(settings.retryBaseDelay).pipe(
    Schedule.setInputType<AwsError | NotNow>(),
    Schedule.upTo({ times: settings.retryMaxAttempts - 1 }),
    // A session that IAM refuses right after it was assumed works in a while: IAM has to learn of it first.
    Schedule.while(({ input }) => input.kind === "transient" || input.kind === "session"),
    Schedule.modifyDelay(({ duration, input }) =>
      Effect.map(Random.next, (random) => {
        const jittered = random * Math.min(Duration.toMillis(duration), Duration.toMillis(settings.retryMaxDelay))
        return Duration.millis(
          "retryAfter" in input ? Math.max(jittered, Math.min(input.retryAfter ?? 0, maxRetryAfter)) : jittered
        )
      })
    ),
    Schedule.tap(({ input }) => Metric.update(Metric.withAttributes(metrics.awsRetries, { reason: input._tag }), 1))
  )

/**
 * Attaches or detaches the policy, retrying what may pass. A call whose answer was lost may have been carried out, and so may one that was
 * made under an earlier claim: then the attachments are read before it is made again. They are read, too, before the first call for a
 * grant for a time, whose end must not detach what was there before.
 */
export const applyPolicy = Effect.fnUntraced(function* (change: PolicyChange, claim: Claim) {
  const aws = yield* AwsIam
  const leases = yield* Leases
  const shares = yield* AccountShares
  const settings = yield* WorkerConfig
  let lostAnswer: Timeout | undefined
  const inDoubt = () => claim.doubtful || lostAnswer !== undefined
  let looked = !(yield* JobStore).endsAccess || !isTemporary(claim.row) || claim.attachedBefore !== null

  const readBack = (effected: Effected) =>
    Effect.map(shares.call(change.accountId, aws.isAttached(change)), ({ requestId, value: attached }) =>
      attached === (change.action === "add") ? Option.some<Applied>({ requestId, effected }) : Option.none()
    )

  const apply = shares.call(change.accountId, Effect.andThen(leases.allow(claim), aws.apply(change))).pipe(
    Effect.map(({ requestId }): Applied => ({ requestId, effected: "applied" })),
    Effect.tapError((error) =>
      Effect.sync(() => {
        if (error._tag === "Timeout") lostAnswer = error
      })
    ),
    Effect.catchTag("NoSuchEntity", (error) =>
      change.action === "add"
        ? Effect.fail(error)
        : Effect.flatMap(
            readBack("already so"),
            Option.match({ onNone: () => Effect.fail(error), onSome: Effect.succeed })
          )
    )
  )

  const look = Effect.suspend(() =>
    looked ? Effect.void : Effect.tap(noteBefore(change, claim), () => Effect.sync(() => (looked = true)))
  )

  const attempt = Effect.flatMap(look, () =>
    inDoubt()
      ? readBack("found so").pipe(
          // A role that may not read just makes the call again: attaching twice does no harm, and detaching twice shows.
          Effect.catchIf(
            (error) => error.kind === "permanent",
            () => Effect.succeed(Option.none<Applied>())
          ),
          Effect.flatMap(Option.match({ onNone: () => apply, onSome: Effect.succeed }))
        )
      : apply
  )

  // The last attempt's answer may be lost, too, or the reading before it may have failed. And a final error says nothing about an
  // earlier call whose answer was lost.
  const mayBeSettled = ({ kind }: AwsError | NotNow) =>
    kind === "transient" ? inDoubt() : (kind === "permanent" || kind === "session") && lostAnswer !== undefined
  const settleDoubt = (error: AwsError | NotNow) =>
    mayBeSettled(error)
      ? readBack("found so").pipe(
          // Still in doubt, which the trail has to say.
          Effect.mapError(() => lostAnswer ?? error),
          Effect.flatMap(Option.match({ onNone: () => Effect.fail(error), onSome: Effect.succeed }))
        )
      : Effect.fail(error)

  return yield* Effect.retry(attempt, retrySchedule(settings)).pipe(Effect.catch(settleDoubt))
})
