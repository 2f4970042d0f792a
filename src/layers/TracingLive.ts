import { Cause, ConfigProvider, Duration, Effect, Layer, Option, Schedule, Semaphore } from "effect"
import { FetchHttpClient, HttpClient } from "effect/http"
import { OtlpSerialization, OtlpTracer } from "effect/observability"
import { JobsAreTraced } from "../domain/tracing.ts"
import { TelemetryConfig, WorkerConfig } from "../services/Config.ts"

/** How many spans go in one request, and how long the first of them waits for others. */
const batch = 512
const exportInterval = Duration.seconds(5)

/** Requests at once. When all of them wait, the collector cannot keep up, and spans must not pile up here. */
const requests = 8

/** How long one request may take, with its retries. https://opentelemetry.io/docs/specs/otel/protocol/exporter/#configuration-options */
const patience = Duration.seconds(10)

/** How much of the shutdown grace the last spans may take: less than what is kept for closing everything (see `consume`). */
const keptForFlush = 0.03

/** Sends the spans of jobs to a collector by OTLP over HTTP, if one is configured. */
export const TracingLive = Layer.unwrap(
  Effect.gen(function* () {
    const { endpoint, serviceName } = yield* TelemetryConfig
    const { shutdownGrace, workerId } = yield* WorkerConfig
    if (Option.isNone(endpoint)) return Layer.empty
    return OtlpTracer.layer({
      url: `${endpoint.value.replace(/\/+$/, "")}/v1/traces`,
      resource: { serviceName, attributes: { "service.instance.id": workerId } },
      exportInterval,
      maxBatchSize: batch,
      shutdownTimeout: Duration.times(shutdownGrace, keptForFlush)
    }).pipe(
      Layer.provide([ClientLive, OtlpSerialization.layerJson]),
      // It would read variables that the README does not name.
      Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({}))),
      Layer.merge(Layer.succeed(JobsAreTraced, true))
    )
  })
)

/**
 * The exporter's own retries have no limit in number or time, and wait for as long as a collector asks. So each request is retried
 * here, within its time; a failure after that is raised as a defect, on which the exporter drops what it has and pauses for a minute.
 */
const ClientLive = Layer.effect(
  HttpClient.HttpClient,
  Effect.gen(function* () {
    const client = HttpClient.filterStatusOk(yield* HttpClient.HttpClient)
    const free = yield* Semaphore.make(requests)
    return HttpClient.transform(client, (send) =>
      Effect.tap(send, (response) => response.arrayBuffer).pipe(
        Effect.retry({ schedule: Schedule.exponential("250 millis"), while: HttpClient.isTransientError }),
        Effect.timeout(patience),
        Semaphore.withPermitsIfAvailable(free, 1),
        Effect.flatMap(
          Option.match({ onNone: () => Effect.fail("too many requests wait for it"), onSome: Effect.succeed })
        ),
        Effect.tapCause((cause) =>
          Cause.hasInterruptsOnly(cause)
            ? Effect.void
            : Effect.logWarning("spans are dropped: the collector does not take them").pipe(
                Effect.annotateLogs({ error_type: "Otlp", error_message: String(Cause.squash(cause)) })
              )
        ),
        Effect.orDie
      )
    )
  })
).pipe(Layer.provide(FetchHttpClient.layer))
