import { randomBytes } from "node:crypto"
import { hostname } from "node:os"
import { Duration, Effect, Option, Schema } from "effect"
import { partitionOf } from "../../domain/PolicyChange.ts"
import {
  anyCase,
  duration,
  fault,
  flag,
  integer,
  list,
  optional,
  raw,
  type Reader,
  readAll,
  required,
  text,
  withDefault
} from "./reader.ts"

// The variables of contract §2, with their defaults. Nothing else in the program knows their names.

const levels = {
  trace: "Trace",
  debug: "Debug",
  info: "Info",
  warn: "Warn",
  warning: "Warn",
  error: "Error",
  fatal: "Fatal",
  critical: "Fatal",
  none: "None"
} as const

const port = integer(1, 65_535)
const name = text(/^\S+$/, "a name without blanks")
const secret = Schema.Redacted(Schema.String)
const url = text(/^https?:\/\/\S+$/, "an http or https URL")

export const database = readAll({
  host: required("DB_HOST", name),
  port: withDefault("DB_PORT", port, 5432),
  user: required("DB_USER", Schema.String),
  password: required("DB_PASSWORD", secret),
  database: required("DB_NAME", Schema.String),
  maxConnections: withDefault("DB_POOL_MAX_CONN", integer(1, 1_000), 10),
  ssl: withDefault("DB_SSL", Schema.Literals(["disable", "require", "verify-full"]), "disable"),
  sslCa: optional("DB_SSL_CA", Schema.String)
})

export const redis = readAll({
  host: required("REDIS_HOST", name),
  port: withDefault("REDIS_PORT", port, 6379),
  username: optional("REDIS_USERNAME", Schema.String),
  password: optional("REDIS_PASSWORD", secret),
  tls: withDefault("REDIS_TLS", flag, false),
  tlsCa: optional("REDIS_TLS_CA", Schema.String),
  queue: withDefault("REDIS_QUEUE_AWS", name, "queue:aws"),
  fetchMode: withDefault("REDIS_FETCH_MODE", Schema.Literals(["blmove", "brpop"]), "blmove")
})

const region = required("AWS_REGION", text(/^[a-z]{2}(?:-[a-z]+)+-\d+$/, "an AWS region"))

const endpoint = (service: "STS" | "IAM") =>
  Effect.map(
    readAll({ own: optional(`AWS_ENDPOINT_URL_${service}`, url), all: optional("AWS_ENDPOINT_URL", url) }),
    ({ all, own }) => Option.orElse(own, () => all)
  )

const credentials = Effect.flatMap(
  readAll({ id: optional("AWS_ACCESS_KEY", name), secret: optional("AWS_SECRET_KEY", secret) }),
  ({ id, secret: key }): Reader<Option.Option<{ accessKeyId: string; secretAccessKey: typeof secret.Type }>> =>
    Option.isSome(id) === Option.isSome(key)
      ? Effect.succeed(
          Option.map(Option.all([id, key]), ([accessKeyId, secretAccessKey]) => ({ accessKeyId, secretAccessKey }))
        )
      : Effect.fail(
          fault(`${Option.isSome(id) ? "AWS_SECRET_KEY" : "AWS_ACCESS_KEY"}: missing, although the other half is set`)
        )
)

export const aws = readAll({
  region,
  partition: Effect.map(region, partitionOf),
  credentials,
  roleName: withDefault("AWS_ASSUME_ROLE_NAME", text(/^[\w+=,.@-]{1,64}$/, "a role name"), "cSecBridgeIAMHandlerRole"),
  roleSessionName: withDefault(
    "AWS_ROLE_SESSION_NAME",
    text(/^[\w+=,.@-]{2,64}$/, "a session name"),
    "cSecBridgeWorkerSession"
  ),
  externalId: optional("AWS_EXTERNAL_ID", text(/^[\w+=,.@:/-]{2,1224}$/, "an external id")),
  callTimeout: withDefault("AWS_CALL_TIMEOUT", duration(Duration.millis(1)), Duration.seconds(10)),
  stsEndpoint: endpoint("STS"),
  iamEndpoint: endpoint("IAM")
})

/** Strict, since a mistyped pattern that matches nothing would be an open door. */
const arnPatterns = list(/(?:arn:|\*)[\w+=.@:/*-]*/, "ARN patterns")
const patterns = (variable: string) =>
  Effect.map(
    optional(variable, arnPatterns),
    Option.map((all) => all.split(",").map((pattern) => pattern.trim()))
  )

export const worker = readAll({
  workerId: Effect.map(
    optional("WORKER_ID", text(/^[\w.:-]{1,200}$/, "letters, digits, and any of . _ : -")),
    Option.getOrElse(freshId)
  ),
  concurrency: withDefault("WORKER_CONCURRENCY", integer(1, 10_000), 64),
  accountConcurrency: withDefault("ACCOUNT_CONCURRENCY", integer(1), 8),
  retryMaxAttempts: withDefault("RETRY_MAX_ATTEMPTS", integer(1, 100), 5),
  retryBaseDelay: withDefault("RETRY_BASE_DELAY", duration(), Duration.millis(200)),
  retryMaxDelay: withDefault("RETRY_MAX_DELAY", duration(), Duration.seconds(10)),
  maxDeliveries: withDefault("JOB_MAX_DELIVERIES", integer(0), 10),
  unknownJobGrace: withDefault("UNKNOWN_JOB_GRACE", duration(), Duration.seconds(3)),
  shutdownGrace: withDefault("SHUTDOWN_GRACE", duration(), Duration.seconds(25)),
  lease: withDefault("JOB_LEASE", duration(Duration.seconds(1)), Duration.seconds(60)),
  recoveryInterval: withDefault("RECOVERY_INTERVAL", duration(Duration.millis(100)), Duration.seconds(15)),
  orphanAfter: withDefault("ORPHAN_AFTER", duration(Duration.seconds(1)), Duration.minutes(2)),
  policyRules: readAll({
    deny: Effect.map(
      patterns("POLICY_DENY"),
      Option.getOrElse((): Array<string> => [])
    ),
    // Empty by a failed template, it would allow everything.
    allow: Effect.flatMap(raw("POLICY_ALLOW"), (text) =>
      Option.isSome(text) && text.value === ""
        ? Effect.fail(fault("POLICY_ALLOW: set, but empty; leave it unset, or name what may be attached"))
        : patterns("POLICY_ALLOW")
    )
  }),
  durationUnsupported: withDefault("DURATION_UNSUPPORTED", Schema.Literals(["fail", "ignore"]), "fail"),
  // Nothing uses these yet; a bad value is told all the same, so that it is no surprise later.
  reserved: readAll({
    otlpEndpoint: optional("OTEL_EXPORTER_OTLP_ENDPOINT", url),
    otelServiceName: optional("OTEL_SERVICE_NAME", Schema.String)
  })
})

export const http = readAll({
  host: withDefault("HTTP_HOST", name, "0.0.0.0"),
  port: withDefault("HTTP_PORT", integer(0, 65_535), 8080),
  adminToken: optional("HTTP_ADMIN_TOKEN", secret)
})

export const log = readAll({
  level: Effect.map(
    withDefault(
      "LOG_LEVEL",
      anyCase(["trace", "debug", "info", "warn", "warning", "error", "fatal", "critical", "none"]),
      "info"
    ),
    (level) => levels[level]
  ),
  format: withDefault("LOG_FORMAT", Schema.Literals(["json", "pretty"]), "json")
})

/** A host may run several workers, and a restarted one is another. */
function freshId() {
  return `${hostname()}-${randomBytes(4).toString("hex")}`
}
