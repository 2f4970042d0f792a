import { Clock, DateTime, Effect, Metric, Option } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import { decodeJob, receivedAt } from "../../domain/Job.ts"
import * as metrics from "../../domain/metrics.ts"
import { AccountShares } from "../../services/AccountShares.ts"
import { JobQueue } from "../../services/JobQueue.ts"
import { readiness } from "./readiness.ts"

/**
 * `/metrics` for Prometheus. What is in Redis is read on each scrape. Where an ACL hides it, or Redis is away, its gauges are left
 * out: an old number would be a wrong one.
 */
export const metricsRoute = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const queue = yield* JobQueue
    const shares = yield* AccountShares

    const readQueue = Effect.gen(function* () {
      const { deadLetters, depth, oldest } = yield* queue.stats
      yield* Metric.update(metrics.queueDepth, depth)
      yield* Metric.update(metrics.deadLetters, deadLetters)
      yield* Metric.update(metrics.queueOldest, yield* ageOf(oldest))
    }).pipe(
      Effect.timeout("900 millis"),
      Effect.catch(() =>
        Effect.all(
          [metrics.queueDepth, metrics.deadLetters, metrics.queueOldest].map((gauge) => Metric.remove(gauge)),
          {
            discard: true
          }
        )
      )
    )

    const readReadiness = Effect.flatMap(readiness, ({ length }) => Metric.update(metrics.ready, length === 0 ? 1 : 0))

    yield* router.add(
      "GET",
      "/metrics",
      Effect.all([readQueue, readReadiness], { concurrency: "unbounded" }).pipe(
        Effect.andThen(shares.throttled),
        Effect.flatMap((accounts) => Metric.update(metrics.accountsThrottled, accounts.length)),
        Effect.andThen(PrometheusMetrics.format()),
        Effect.map((body) => HttpServerResponse.text(body, { contentType: "text/plain; version=0.0.4; charset=utf-8" }))
      )
    )
  })
)

/** Seconds since the payload's received_at; 0 if it has none. */
const ageOf = Effect.fnUntraced(function* (payload: Option.Option<Uint8Array>) {
  if (Option.isNone(payload)) return 0
  const received = yield* decodeJob(payload.value).pipe(
    Effect.map(receivedAt),
    Effect.orElseSucceed(() => Option.none<DateTime.Utc>())
  )
  if (Option.isNone(received)) return 0
  return Math.max(0, (yield* Clock.currentTimeMillis) - DateTime.toEpochMillis(received.value)) / 1_000
})
