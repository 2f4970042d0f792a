import { Effect, Option } from "effect"
import type { Job } from "../../domain/Job.ts"
import { parseTraceparent } from "../../domain/traceparent.ts"
import { type SpanOptions, tellJob } from "../../domain/tracing.ts"
import { RedisConfig } from "../../services/Config.ts"
import type { Delivery } from "../../services/JobQueue.ts"

// Names and attributes follow OpenTelemetry's semantic conventions; `csb.` is for what those do not cover.

/** https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/ */
export const spanOf = ({ payload }: Delivery): Effect.Effect<SpanOptions, never, RedisConfig> =>
  Effect.map(RedisConfig, ({ queue }) => ({
    name: `process ${queue}`,
    kind: "consumer",
    attributes: {
      "messaging.system": "redis",
      "messaging.destination.name": queue,
      "messaging.operation.name": "process",
      "messaging.operation.type": "process",
      "messaging.message.body.size": payload.length
    }
  }))

export const tellOfJob = (job: Job) =>
  tellJob(() => ({
    attributes: {
      "messaging.message.conversation_id": job.correlation_id,
      "cloud.provider": "aws",
      "cloud.account.id": job.account_id
    },
    links: Option.toArray(Option.map(parseTraceparent(job.traceparent), (span) => ({ span, attributes: {} })))
  }))

/** A statement may carry many jobs. https://opentelemetry.io/docs/specs/semconv/database/postgresql/ */
export const step = (name: "claim" | "settle"): SpanOptions => ({
  name,
  kind: "client",
  attributes: { "db.system.name": "postgresql", "db.collection.name": "csb_requests" }
})
