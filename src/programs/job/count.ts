import { Effect, Metric } from "effect"
import * as metrics from "../../domain/metrics.ts"
import { tellJob } from "../../domain/tracing.ts"

/** How a delivery ended, and with which error: for the counter, and for the job's span. */
export const count = (outcome: keyof typeof metrics.jobs, error?: { readonly _tag: string }) =>
  Effect.andThen(
    Metric.update(metrics.jobs[outcome], 1),
    tellJob(() => ({ attributes: { "csb.outcome": outcome }, error }))
  )
