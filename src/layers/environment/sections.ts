import { randomBytes } from "node:crypto"
import { hostname } from "node:os"
import { Duration, Effect, Option, Schema } from "effect"
import { protectedPrincipals } from "../../domain/Guardrail.ts"
import { PrincipalType } from "../../domain/Job.ts"
import { partitionOf } from "../../domain/PolicyChange.ts"
import type { AwsConfig } from "../../services/Config.ts"
import { caBundle, secret } from "./files.ts"
import {
  anyCase,
  duration,
  flag,
  fault,
  integer,
  list,
  name,
  optional,
  orMissing,
  port,
  raw,
  type Reader,
  readAll,
  required,
  text,
  withDefault
} from "./reader.ts"

// The variables of the README, with their defaults. Nothing else in the program knows their names.

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

const url = text(/^https?:\/\/\S+$/, "an http or https URL")

export const database = readAll({
  host: required("DB_HOST", name),
  port: withDefault("DB_PORT", port, 5432),
  user: required("DB_USER", Schema.String),
  password: orMissing("DB_PASSWORD", secret("DB_PASSWORD")),
  database: required("DB_NAME", Schema.String),
  maxConnections: withDefault("DB_POOL_MAX_CONN", integer(1, 1_000), 10),
  ssl: withDefault("DB_SSL", Schema.Literals(["disable", "require", "verify-full"]), "disable"),
  sslCa: caBundle("DB_SSL_CA")
})

const regionName = text(/^[a-z]{2}(?:-[a-z]+)+-\d+$/, "an AWS region")
const region = required("AWS_REGION", regionName)

const endpoint = (service: "STS" | "IAM") =>
  Effect.map(
    readAll({ own: optional(`AWS_ENDPOINT_URL_${service}`, url), all: optional("AWS_ENDPOINT_URL", url) }),
    ({ all, own }) => Option.orElse(own, () => all)
  )

const credentials = Effect.flatMap(
  readAll({ id: secret("AWS_ACCESS_KEY"), key: secret("AWS_SECRET_KEY") }),
  ({ id, key }): Reader<AwsConfig["Service"]["credentials"]> =>
    Option.isSome(id) === Option.isSome(key)
      ? Effect.succeed(
          Option.map(Option.all([id, key]), ([accessKeyId, secretAccessKey]) =>
            Effect.all({ accessKeyId, secretAccessKey })
          )
        )
      : Effect.fail(
          fault(`${Option.isSome(id) ? "AWS_SECRET_KEY" : "AWS_ACCESS_KEY"}: missing, although the other half is set`)
        )
)

const handlerRoleName = withDefault(
  "AWS_ASSUME_ROLE_NAME",
  text(/^[\w+=,.@-]{1,64}$/, "a role name"),
  "cSecBridgeIAMHandlerRole"
)

/** How the handler role is assumed. */
const assuming = {
  roleName: handlerRoleName,
  roleSessionName: withDefault(
    "AWS_ROLE_SESSION_NAME",
    text(/^[\w+=,.@-]{2,64}$/, "a session name"),
    "cSecBridgeWorkerSession"
  ),
  externalId: optional("AWS_EXTERNAL_ID", text(/^[\w+=,.@:/-]{2,1224}$/, "an external id")),
  sessionScope: withDefault("AWS_SESSION_SCOPE", Schema.Literals(["account", "job"]), "account"),
  sourceIdentity: withDefault("AWS_SOURCE_IDENTITY", flag, false)
}

export const aws = readAll({
  region,
  partition: Effect.map(region, partitionOf),
  credentials,
  ...assuming,
  callTimeout: withDefault("AWS_CALL_TIMEOUT", duration(Duration.millis(1)), Duration.seconds(10)),
  stsEndpoint: endpoint("STS"),
  iamEndpoint: endpoint("IAM")
})

/** Strict, since a mistyped pattern that matches nothing would be an open door. */
const arnPatterns = list(/(?:arn:|\*)[\w+=.@:/*-]*/, "ARN patterns")
const patterns = (variable: string, schema = arnPatterns) =>
  Effect.map(
    optional(variable, schema),
    Option.map((all) => all.split(",").map((pattern) => pattern.trim()))
  )

const principals = PrincipalType.literals.join("|").toLowerCase()

/** Without paths, since jobs name none; except for the paths of the roles that AWS creates. */
const principalPatterns = list(
  new RegExp(
    String.raw`(?:arn:[\w*-]+:iam::[\d*]+:(?:${principals}|\*)\/(?:aws-service-role\/|aws-reserved\/)?[\w+=.@*-]+|\*(?:(?::(?:${principals}))?\/)?[\w+=.@*-]*)`
  ),
  "ARN patterns of users and roles, without paths"
)

const policyRules = readAll({
  deny: Effect.map(
    patterns("POLICY_DENY"),
    Option.getOrElse((): Array<string> => [])
  ),
  // If a failed template left it empty, it would allow everything.
  allow: Effect.flatMap(raw("POLICY_ALLOW"), (text) =>
    Option.isSome(text) && text.value === ""
      ? Effect.fail(fault("POLICY_ALLOW: set, but empty; leave it unset, or name what may be attached"))
      : patterns("POLICY_ALLOW")
  )
})

/** What the handler role's policies are made from; no variable has to be set. */
export const handlerRole = readAll({ region: optional("AWS_REGION", regionName), ...assuming, policyRules })

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
  policyRules,
  principalDeny: Effect.flatMap(handlerRoleName, (role) =>
    Effect.map(
      patterns("PRINCIPAL_DENY", principalPatterns),
      Option.getOrElse(() => protectedPrincipals(role))
    )
  ),
  durationUnsupported: withDefault("DURATION_UNSUPPORTED", Schema.Literals(["fail", "ignore"]), "fail")
})

/** A path is appended to the endpoint; and an address with credentials must not appear in a log. */
export const telemetry = readAll({
  endpoint: optional(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    text(/^https?:\/\/[^\s@?#]+$/, "an http or https URL without credentials or query")
  ),
  serviceName: withDefault("OTEL_SERVICE_NAME", Schema.String, "worker-service-aws")
})

export const http = readAll({
  host: withDefault("HTTP_HOST", name, "0.0.0.0"),
  port: withDefault("HTTP_PORT", integer(0, 65_535), 8080),
  adminToken: secret("HTTP_ADMIN_TOKEN")
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

/** A host may run several workers, and a restarted worker counts as another one. */
function freshId() {
  return `${hostname()}-${randomBytes(4).toString("hex")}`
}
