import { randomUUID } from "node:crypto"
import { Duration, Effect, Layer, Metric, Option, Redacted, type Scope } from "effect"
import { ConnectionError, SqlError } from "effect/sql/SqlError"
import type { HandlerRole } from "../src/domain/handlerRole/HandlerRole.ts"
import type { Job } from "../src/domain/Job.ts"
import { AccountSharesLive } from "../src/layers/AccountSharesLive.ts"
import { DeadLettersRedis } from "../src/layers/queue/DeadLettersRedis.ts"
import { JobQueueRedis } from "../src/layers/queue/JobQueueRedis.ts"
import { LeasesLive } from "../src/layers/LeasesLive.ts"
import { AwsIamMemory } from "../src/layers/memory/AwsIamMemory.ts"
import { JobStoreMemory } from "../src/layers/memory/JobStoreMemory.ts"
import { RedisMemory } from "../src/layers/memory/RedisMemory.ts"
import { PausesRedis } from "../src/layers/queue/PausesRedis.ts"
import { WorkersRedis } from "../src/layers/queue/WorkersRedis.ts"
import { WorkerStatusLive } from "../src/layers/WorkerStatusLive.ts"
import { AwsConfig, RedisConfig, WorkerConfig } from "../src/services/Config.ts"
import type { JobQueue } from "../src/services/JobQueue.ts"
import type { Claim } from "../src/services/JobStore.ts"
import { Leases } from "../src/services/Leases.ts"

export const queue = "queue:aws"
export const processing = "{queue:aws}:processing:worker-1"
export const deadLetters = "queue:aws_error"

/** A job that names a fresh request; the fields that a test is about are given. */
export const aJob = (fields: Partial<Job> = {}): Job => ({
  correlation_id: randomUUID(),
  account_id: "123456789012",
  principal: "alice",
  principal_type: "User",
  action: "add",
  entitlement: "ReadOnlyAccess",
  entitlement_type: "default",
  ...fields
})

/** The handler role of a worker that is configured as little as can be. */
export const aHandlerRole = (fields: Partial<HandlerRole> = {}): HandlerRole => ({
  partition: "aws",
  name: "cSecBridgeIAMHandlerRole",
  trusted: "arn:aws:iam::999999999999:user/cSecBridgeWorker",
  externalId: Option.some("ext-1"),
  organizationId: Option.none(),
  sessionScope: "account",
  sessionName: "cSecBridgeWorkerSession",
  sourceIdentity: false,
  allow: Option.none(),
  deny: [],
  ...fields
})

export const bytes = (value: unknown): Uint8Array =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value))

export const testWorkerConfig = (settings: Partial<WorkerConfig["Service"]> = {}) =>
  Layer.succeed(WorkerConfig, {
    workerId: "worker-1",
    concurrency: 4,
    accountConcurrency: 64,
    retryMaxAttempts: 5,
    retryBaseDelay: Duration.millis(200),
    retryMaxDelay: Duration.seconds(10),
    maxDeliveries: 10,
    unknownJobGrace: Duration.seconds(3),
    shutdownGrace: Duration.seconds(25),
    lease: Duration.seconds(60),
    recoveryInterval: Duration.seconds(15),
    orphanAfter: Duration.minutes(2),
    policyRules: { deny: [], allow: Option.none() },
    principalDeny: [],
    durationUnsupported: "fail",
    ...settings
  })

export const testRedisConfig = (settings: Partial<RedisConfig["Service"]> = {}) =>
  Layer.succeed(RedisConfig, {
    servers: { _tag: "Single", address: { host: "127.0.0.1", port: 6379 } },
    username: Option.none(),
    password: Option.none(),
    tls: false,
    tlsCa: Option.none(),
    queue,
    fetchMode: "blmove",
    ...settings
  })

export const awsKeys = (accessKeyId: string, secretAccessKey: string) =>
  Effect.succeed({ accessKeyId: Redacted.make(accessKeyId), secretAccessKey: Redacted.make(secretAccessKey) })

export const testAwsConfig = (settings: Partial<AwsConfig["Service"]> = {}) =>
  Layer.succeed(AwsConfig, {
    region: "us-east-1",
    partition: "aws",
    credentials: Option.some(awsKeys("AKIA", "secret")),
    roleName: "cSecBridgeIAMHandlerRole",
    roleSessionName: "cSecBridgeWorkerSession",
    externalId: Option.none(),
    sessionScope: "account",
    sourceIdentity: false,
    callTimeout: Duration.seconds(10),
    stsEndpoint: Option.none(),
    iamEndpoint: Option.none(),
    ...settings
  })

export const databaseAway = new SqlError({ reason: new ConnectionError({ cause: new Error("away") }) })

/** A first claim, of a request that the store need not know. */
export const aClaim = (fields: Partial<Claim> = {}): Claim => ({
  correlationId: randomUUID(),
  token: 1n,
  delivery: 1,
  losses: 0,
  doubtful: false,
  row: {
    account_id: "123456789012",
    principal: "alice",
    action: "add",
    entitlement: "ReadOnlyAccess",
    principal_type: null,
    entitlement_type: null,
    duration_minutes: null
  },
  ends: null,
  attachedBefore: null,
  ...fields
})

export const alwaysAllowed = Leases.of({
  during: (_claim, _since, work) => work,
  allow: () => Effect.void,
  renew: Effect.void
})

/** Nobody is judged an orphan, and nobody touched. */
export const waiting = { orphansBefore: Number.NEGATIVE_INFINITY, keepFresh: Duration.minutes(1) }

/** The whole worker on the deterministic fakes. */
export const memoryWorker = (settings: Partial<WorkerConfig["Service"]> = {}) =>
  LeasesLive.pipe(
    Layer.provideMerge(
      Layer.mergeAll(
        AccountSharesLive,
        AwsIamMemory,
        DeadLettersRedis,
        JobQueueRedis,
        JobStoreMemory,
        PausesRedis,
        WorkersRedis,
        WorkerStatusLive
      )
    ),
    Layer.provideMerge(RedisMemory),
    Layer.provideMerge(Layer.mergeAll(testWorkerConfig(settings), testRedisConfig(), testAwsConfig()))
  )

/** Another worker on the same fakes. */
export const anotherWorker = (workerId: string, settings: Partial<WorkerConfig["Service"]> = {}) =>
  Layer.fresh(LeasesLive).pipe(
    Layer.provideMerge(
      Layer.mergeAll(
        Layer.fresh(AccountSharesLive),
        Layer.fresh(JobQueueRedis),
        Layer.fresh(WorkersRedis),
        Layer.fresh(WorkerStatusLive)
      )
    ),
    Layer.provideMerge(testWorkerConfig({ ...settings, workerId }))
  )

/** Runs a test on a fresh memory worker, with metrics of its own. */
export const withWorker =
  (settings: Partial<WorkerConfig["Service"]> = {}) =>
  <A, E>(test: Effect.Effect<A, E, Layer.Success<ReturnType<typeof memoryWorker>> | Scope.Scope>) =>
    Effect.scoped(test).pipe(
      Effect.provide(memoryWorker(settings)),
      Effect.provideServiceEffect(
        Metric.MetricRegistry,
        Effect.sync(() => new Map())
      )
    )

/** The delivery that is taken next. */
export const takeOne = (jobs: JobQueue["Service"]) =>
  Effect.flatMap(jobs.take(1), ([taken]) => Effect.fromNullishOr(taken))
