import { Clock, DateTime, Duration, Effect, Metric, Option, Ref, Schema } from "effect"
import { type Job, receivedAt } from "../../domain/Job.ts"
import * as metrics from "../../domain/metrics.ts"
import { RedisConfig, WorkerConfig } from "../../services/Config.ts"
import type { Delivery } from "../../services/JobQueue.ts"
import { JobStore } from "../../services/JobStore.ts"
import { WorkerStatus } from "../../services/WorkerStatus.ts"
import { lookUntilFound } from "./lookUntilFound.ts"

/** Nothing is to be done for this job: another delivery of it has the request, had it, or will get it. `status`: the database's own label. */
export class Duplicate extends Schema.TaggedError<Duplicate>()("Duplicate", {
  correlationId: Schema.String,
  status: Schema.String
}) {}

/** There is no such request, and none appeared within `UNKNOWN_JOB_GRACE`. */
export class UnknownJob extends Schema.TaggedError<UnknownJob>()("UnknownJob", { correlationId: Schema.String }) {}

/** `ahead`: how many older requests on the same key are unfinished. */
export class Blocked extends Schema.TaggedError<Blocked>()("Blocked", {
  correlationId: Schema.String,
  ahead: Schema.Number
}) {}

/** Claims the request for this worker. */
export const claimRequest = Effect.fnUntraced(function* (delivery: Delivery, job: Job) {
  const store = yield* JobStore
  const { orphanAfter, workerId } = yield* WorkerConfig
  const { orphansBefore } = yield* WorkerStatus
  const { fetchMode } = yield* RedisConfig
  const waiting = {
    orphansBefore: yield* Ref.get(orphansBefore),
    // In the mode `brpop` a blocked job goes behind all others, however many they are.
    keepFresh: Duration.times(orphanAfter, fetchMode === "brpop" ? 0 : 0.5)
  }
  const correlationId = job.correlation_id

  const found = yield* lookUntilFound(delivery, store.claim(job, { workerId, take: delivery.take }, waiting))
  if (Option.isNone(found)) return yield* new UnknownJob({ correlationId })
  if (found.value._tag === "NotPending") return yield* new Duplicate({ correlationId, status: found.value.status })
  // `pushDue` pushes it again when it is due.
  if (found.value._tag === "Early") return yield* new Duplicate({ correlationId, status: "not due yet" })
  if (found.value._tag === "Blocked") return yield* new Blocked({ correlationId, ahead: found.value.ahead })
  yield* measureWait(job)
  return found.value.claim
})

const measureWait = (job: Job) =>
  Option.match(receivedAt(job), {
    onNone: () => Effect.void,
    onSome: (received) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Metric.update(metrics.queueWait, Math.max(0, now - DateTime.toEpochMillis(received)) / 1_000)
      )
  })
