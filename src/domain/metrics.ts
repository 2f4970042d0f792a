import { Effect, Metric } from "effect"

/** Seconds. A call to IAM takes some 100 ms; what takes longer than `AWS_CALL_TIMEOUT`, 10 s by default, timed out. */
const callSeconds = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10]

/** One call, and two commits around it; or retries, each of which may wait for 10 s and more. */
const jobSeconds = [0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]

/** Milliseconds in an idle system, hours behind a backlog. */
const waitSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 30, 60, 300, 900, 3_600, 14_400]

const jobsTotal = Metric.counter("csb_worker_jobs_total", {
  description: "Deliveries by how they ended",
  incremental: true
})

/** By the label that they carry. Made once: attaching attributes costs more than counting. */
export const jobs = {
  success: Metric.withAttributes(jobsTotal, { outcome: "success" }),
  failed: Metric.withAttributes(jobsTotal, { outcome: "failed" }),
  requeued: Metric.withAttributes(jobsTotal, { outcome: "requeued" }),
  duplicate: Metric.withAttributes(jobsTotal, { outcome: "duplicate" }),
  dead_letter: Metric.withAttributes(jobsTotal, { outcome: "dead_letter" }),
  recovered: Metric.withAttributes(jobsTotal, { outcome: "recovered" })
}

export const jobsInFlight = Metric.gauge("csb_worker_jobs_in_flight", {
  description: "Jobs that this worker holds and has not settled"
})

export const ready = Metric.gauge("csb_worker_ready", { description: "1 while /ready answers 200, else 0" })

export const lastSweep = Metric.gauge("csb_worker_last_sweep_timestamp_seconds", {
  description: "Unix time of the last sweep for lost jobs that met no fault; at first, of the worker's start"
})

export const jobDuration = Metric.histogram("csb_worker_job_duration_seconds", {
  description: "From the claim to the final status",
  boundaries: jobSeconds
})

export const queueWait = Metric.histogram("csb_worker_queue_wait_seconds", {
  description: "From the payload's received_at to the claim",
  boundaries: waitSeconds
})

export const revocationDelay = Metric.histogram("csb_worker_revocation_delay_seconds", {
  description: "From when the access of a grant was to end until it had ended",
  boundaries: [1, 2.5, 5, 10, 15, 30, 60, 300, 900, 3600, 21_600, 86_400]
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
  boundaries: callSeconds
})

export const awsRetries = Metric.counter("csb_worker_aws_retries_total", {
  description: "Calls to AWS that were made again, by the class of the error before them",
  incremental: true
})

/** Shows the metrics that every job changes before the first job, since a rate needs a start. */
export const register = Effect.forEach(
  [...Object.values(jobs), jobsInFlight, jobDuration, queueWait, revocationDelay],
  (metric): Effect.Effect<unknown> => Metric.value<never, unknown>(metric),
  { discard: true }
)
