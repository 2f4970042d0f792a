import { randomUUID } from "node:crypto"
import { DateTime, Effect, Option, Schema } from "effect"
import type { Intervention } from "../../domain/Intervention.ts"
import type { Job } from "../../domain/Job.ts"
import { JobQueue } from "../../services/JobQueue.ts"
import { JobStore } from "../../services/JobStore.ts"

export interface NewRequest {
  readonly account: string
  readonly principal: string
  readonly principalType: Job["principal_type"]
  readonly action: Job["action"]
  readonly entitlement: string
  readonly entitlementType: Job["entitlement_type"]
  /** Minutes. */
  readonly duration: Option.Option<number>
  readonly clientRequestId: Option.Option<string>
}

/** The request is PENDING, but its job is not in the queue. */
export class NotPushed extends Schema.TaggedError<NotPushed>()("NotPushed", {
  id: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    return (
      `request ${this.id} is PENDING, but its job could not be pushed: ${this.reason}. ` +
      "A worker pushes it after ORPHAN_AFTER, if the row says enough for a job"
    )
  }
}

/** The job of a request that is made now, with an id of its own. */
export const newJob = Effect.fnUntraced(function* (request: NewRequest) {
  const job: Job = {
    correlation_id: randomUUID(),
    client_request_id: Option.getOrNull(request.clientRequestId),
    target_cloud: "aws",
    account_id: request.account,
    principal: request.principal,
    principal_type: request.principalType,
    action: request.action,
    entitlement: request.entitlement,
    entitlement_type: request.entitlementType,
    ...(Option.isSome(request.duration) && { duration_minutes: request.duration.value }),
    received_at: DateTime.formatIso(yield* DateTime.now)
  }
  return job
})

/**
 * Writes the row and pushes the job, in this order: a job without a row would become a dead letter. `intervention`: who asks for it by
 * hand. Answers the correlation id.
 */
export const submit = Effect.fnUntraced(function* (request: NewRequest, intervention?: Intervention) {
  const store = yield* JobStore
  const queue = yield* JobQueue
  const job = yield* newJob(request)
  yield* store.submit(job, intervention)
  yield* queue
    .submit(Buffer.from(JSON.stringify(job)))
    .pipe(Effect.mapError(({ message }) => new NotPushed({ id: job.correlation_id, reason: message })))
  return job.correlation_id
})
