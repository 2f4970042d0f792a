import { Effect, Metric } from "effect"

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

const jobsTotal = Metric.counter("csb_worker_jobs_total", {
  description: "Deliveries by how they ended",
  incremental: true
})

/** Made once: attaching attributes costs more than counting. */
export const jobs = {
  success: Metric.withAttributes(jobsTotal, { outcome: "success" }),
  failed: Metric.withAttributes(jobsTotal, { outcome: "failed" }),
  requeued: Metric.withAttributes(jobsTotal, { outcome: "requeued" }),
  duplicate: Metric.withAttributes(jobsTotal, { outcome: "duplicate" }),
  deadLetter: Metric.withAttributes(jobsTotal, { outcome: "dead_letter" }),
  recovered: Metric.withAttributes(jobsTotal, { outcome: "recovered" })
}

export const jobsInFlight = Metric.gauge("csb_worker_jobs_in_flight", {
  description: "Jobs that this worker holds and has not settled"
})

export const jobDuration = Metric.histogram("csb_worker_job_duration_seconds", {
  description: "From the claim to the final status",
  boundaries: seconds
})

export const queueWait = Metric.histogram("csb_worker_queue_wait_seconds", {
  description: "From the payload's received_at to the claim",
  boundaries: [...seconds, 300, 900, 3600]
})

export const queueDepth = Metric.gauge("csb_worker_queue_depth", { description: "Payloads in the job list" })

export const queueOldest = Metric.gauge("csb_worker_queue_oldest_seconds", {
  description: "Age of the payload that is taken next, by its received_at; 0 when the list is empty"
})

export const accountsThrottled = Metric.gauge("csb_worker_accounts_throttled", {
  description: "Target accounts that this worker calls more slowly, since AWS throttled them"
})

export const paused = Metric.gauge("csb_worker_paused", {
  description: "1 while this worker takes no jobs, since an operator paused them"
})

export const accountsPaused = Metric.gauge("csb_worker_accounts_paused", {
  description: "Target accounts whose jobs an operator paused"
})

export const deadLetters = Metric.gauge("csb_worker_dead_letters", { description: "Entries in the dead-letter list" })

export const orphans = Metric.gauge("csb_worker_orphans", {
  description:
    "Pending requests that have no job any more and whose rows do not say enough to rebuild one, at the last sweep"
})

export const awsCalls = Metric.counter("csb_worker_aws_calls_total", {
  description: "Calls to AWS by operation, and by success or the class of the error",
  incremental: true
})

export const awsCallDuration = Metric.histogram("csb_worker_aws_call_duration_seconds", {
  description: "One call to AWS, whatever its outcome",
  boundaries: seconds
})

export const awsRetries = Metric.counter("csb_worker_aws_retries_total", {
  description: "Calls to AWS that were made again, by the class of the error before them",
  incremental: true
})

/** Lets the metrics that every job moves be seen before the first one, since a rate needs a start. */
export const register = Effect.forEach(
  [...Object.values(jobs), jobsInFlight, jobDuration, queueWait],
  (metric): Effect.Effect<unknown> => Metric.value<never, unknown>(metric),
  { discard: true }
)
