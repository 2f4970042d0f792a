import { Effect, Metric } from "effect"
import { checkPolicy, checkPrincipal } from "../domain/Guardrail.ts"
import { decodeJob, type Job } from "../domain/Job.ts"
import * as metrics from "../domain/metrics.ts"
import { monotonicMillis } from "../domain/monotonicMillis.ts"
import { operationOf, type PolicyChange, policyChange } from "../domain/PolicyChange.ts"
import { disagreements } from "../domain/Request.ts"
import { JobRejected, statusAfter } from "../domain/Settlement.ts"
import { traceJob, traceStep } from "../domain/tracing.ts"
import { AwsConfig, WorkerConfig } from "../services/Config.ts"
import type { Delivery } from "../services/JobQueue.ts"
import { type Claim, JobStore } from "../services/JobStore.ts"
import { Leases } from "../services/Leases.ts"
import { applyPolicy } from "./job/applyPolicy.ts"
import { claimRequest } from "./job/claimRequest.ts"
import { endAccess } from "./job/endAccess.ts"
import { discardDuplicate, refusePayload, refuseUnknown } from "./job/refuse.ts"
import { settle, settlementOf } from "./job/settle.ts"
import { spanOf, step, tellOfJob } from "./job/spans.ts"
import { waitForTurn } from "./job/waitForTurn.ts"

/**
 * The life of one delivery: decode, claim, check, apply, settle.
 *
 * Only waits and the calls to AWS can be interrupted. Before the claim, an interrupted job goes back as if it had never been
 * taken; after it, it is settled as released. So it is always in one place that survives.
 */
export const processJob = Effect.fnUntraced(
  function* (delivery: Delivery) {
    const job = yield* decodeJob(delivery.payload)
    yield* tellOfJob(job)
    const change = policyChange((yield* AwsConfig).partition, job)

    yield* Effect.gen(function* () {
      const leases = yield* Leases
      const since = yield* monotonicMillis
      const claim = yield* traceStep(claimRequest(delivery, job), () => step("claim"))
      const claimedAt = yield* monotonicMillis

      const work = Effect.gen(function* () {
        const exit = yield* check(job, claim, change).pipe(
          Effect.andThen(
            claim.ends === null ? applyPolicy(change, claim) : endAccess(change, claim, claim.ends.grantId)
          ),
          Effect.interruptible,
          Effect.exit
        )
        const settlement = yield* settlementOf(exit, claim)
        yield* traceStep(settle(delivery, claim, settlement), () => step("settle"))
        return settlement
      })
      const settlement = yield* leases.during(claim, since, work)
      if (statusAfter(settlement) === "PENDING") return
      const took = (yield* monotonicMillis) - claimedAt
      yield* Metric.update(metrics.jobDuration, took / 1_000)
      if (claim.ends !== null && settlement._tag === "Succeeded") {
        yield* Metric.update(metrics.revocationDelay, (claim.ends.overdue + took) / 1_000)
      }
    }).pipe(
      Effect.annotateLogs({
        correlation_id: job.correlation_id,
        account_id: job.account_id,
        operation: operationOf(change)
      })
    )
  },
  (life, delivery) =>
    Effect.catchTags(life, {
      InvalidPayload: (error) => refusePayload(delivery, error),
      UnknownJob: (error) => refuseUnknown(delivery, error),
      Duplicate: (error) => discardDuplicate(delivery, error),
      Blocked: (error) => waitForTurn(delivery, error)
    }),
  (life, delivery) => traceJob(life, spanOf(delivery)),
  Effect.uninterruptible
)

/** What can be decided without AWS: the row is the authority, and guardrails forbid an `add`, never a `remove`. */
const check = Effect.fnUntraced(function* (job: Job, claim: Claim, change: PolicyChange) {
  const config = yield* WorkerConfig
  const differing = disagreements(job, claim.row)
  if (differing.length > 0) {
    return yield* new JobRejected({
      code: "PayloadMismatch",
      message: `payload and row disagree in ${differing.join(", ")}`
    })
  }
  if (job.action === "remove") return
  const { endsAccess } = yield* JobStore
  if ((job.duration_minutes ?? null) !== null && !endsAccess && config.durationUnsupported === "fail") {
    return yield* new JobRejected({
      code: "DurationUnsupported",
      message:
        "this database cannot end access by itself: create or upgrade the schema csb_app by `migrate` and restart the worker, or set DURATION_UNSUPPORTED=ignore to grant it for good"
    })
  }
  yield* Effect.fromResult(checkPolicy(config.policyRules, change.policyArn))
  yield* Effect.fromResult(checkPrincipal(config.principalDeny, (yield* AwsConfig).partition, change))
})
