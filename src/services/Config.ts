import type { Duration, Effect, LogLevel, Option, Redacted } from "effect"
import { Context, Schema } from "effect"
import { Runtime } from "effect"
import type { PolicyRules } from "../domain/Guardrail.ts"
import type { Partition } from "../domain/PolicyChange.ts"

/** The environment is wrong. `faults` has a line for each variable that is missing or malformed; never a value. */
export class ConfigInvalid extends Schema.TaggedError<ConfigInvalid>()("ConfigInvalid", {
  faults: Schema.NonEmptyArray(Schema.String)
}) {
  override readonly [Runtime.errorExitCode] = 78
  override get message() {
    return `bad environment: ${this.faults.join("; ")}`
  }
}

/**
 * A secret's current value: its file may be rewritten while the worker runs, and connections made from then on need the new
 * value. While the file cannot be read, the last value stands.
 */
export type Secret = Effect.Effect<Redacted.Redacted>

export class DatabaseConfig extends Context.Service<
  DatabaseConfig,
  {
    readonly host: string
    readonly port: number
    readonly user: string
    readonly password: Secret
    readonly database: string
    readonly maxConnections: number
    readonly ssl: "disable" | "require" | "verify-full"
    /** Certificates in PEM; none: those that Node.js trusts. */
    readonly sslCa: Option.Option<string>
  }
>()("worker-service-aws/services/DatabaseConfig") {}

export interface Address {
  readonly host: string
  readonly port: number
}

/** How Redis is run. */
export type RedisServers =
  | { readonly _tag: "Single"; readonly address: Address }
  /** Redis Cluster, of which any node names the others. */
  | { readonly _tag: "Cluster"; readonly seed: Address }
  /** A master and its replicas; the sentinels know which is which. */
  | {
      readonly _tag: "Sentinel"
      readonly sentinels: ReadonlyArray<Address>
      /** The name under which they watch the master. */
      readonly master: string
      readonly password: Option.Option<Secret>
    }

export class RedisConfig extends Context.Service<
  RedisConfig,
  {
    readonly servers: RedisServers
    readonly username: Option.Option<string>
    readonly password: Option.Option<Secret>
    /** For the sentinels, too. */
    readonly tls: boolean
    /** Certificates in PEM; none: those that Node.js trusts. */
    readonly tlsCa: Option.Option<string>
    /** The job list; the other keys' names follow from it. */
    readonly queue: string
    readonly fetchMode: "blmove" | "brpop"
  }
>()("worker-service-aws/services/RedisConfig") {}

/** Their current values: see `Secret`. */
export interface AwsKeys {
  readonly accessKeyId: Redacted.Redacted
  readonly secretAccessKey: Redacted.Redacted
}

export class AwsConfig extends Context.Service<
  AwsConfig,
  {
    readonly region: string
    readonly partition: Partition
    /** None: the SDK's default chain. */
    readonly credentials: Option.Option<Effect.Effect<AwsKeys>>
    readonly roleName: string
    readonly roleSessionName: string
    readonly externalId: Option.Option<string>
    /** Whether all jobs of an account share a session, or each has its own, narrowed to its change. */
    readonly sessionScope: "account" | "job"
    /** Whether sessions carry a SourceIdentity. */
    readonly sourceIdentity: boolean
    /** One STS or IAM call, connect to last byte. */
    readonly callTimeout: Duration.Duration
    readonly stsEndpoint: Option.Option<string>
    readonly iamEndpoint: Option.Option<string>
  }
>()("worker-service-aws/services/AwsConfig") {}

export class WorkerConfig extends Context.Service<
  WorkerConfig,
  {
    /** Unique per boot. */
    readonly workerId: string
    /** Jobs in flight. */
    readonly concurrency: number
    /** Jobs in flight for one target account. */
    readonly accountConcurrency: number
    /** AWS attempts for one delivery. */
    readonly retryMaxAttempts: number
    readonly retryBaseDelay: Duration.Duration
    readonly retryMaxDelay: Duration.Duration
    /** Deliveries that may end transiently before the request fails; 0: any number. */
    readonly maxDeliveries: number
    readonly unknownJobGrace: Duration.Duration
    readonly shutdownGrace: Duration.Duration
    /** A request in progress that was not touched for this long has lost its worker, which touches it every quarter of this time. */
    readonly lease: Duration.Duration
    /** From one sweep to the next, on average. */
    readonly recoveryInterval: Duration.Duration
    /** How long a pending request may lie untouched before it may count as one without a job. */
    readonly orphanAfter: Duration.Duration
    readonly policyRules: PolicyRules
    /** ARN patterns of principals to which nothing may be attached. */
    readonly principalDeny: ReadonlyArray<string>
    readonly durationUnsupported: "fail" | "ignore"
  }
>()("worker-service-aws/services/WorkerConfig") {}

export class HttpConfig extends Context.Service<
  HttpConfig,
  {
    readonly host: string
    /** 0: any free one. */
    readonly port: number
    /** Of the dashboard and its data. None: there are none. */
    readonly adminToken: Option.Option<Secret>
  }
>()("worker-service-aws/services/HttpConfig") {}

export class LogConfig extends Context.Service<
  LogConfig,
  {
    readonly level: LogLevel.LogLevel
    readonly format: "json" | "pretty"
  }
>()("worker-service-aws/services/LogConfig") {}

export class TelemetryConfig extends Context.Service<
  TelemetryConfig,
  {
    /** Base URL of an OpenTelemetry collector. None: nothing is traced. */
    readonly endpoint: Option.Option<string>
    readonly serviceName: string
  }
>()("worker-service-aws/services/TelemetryConfig") {}
