import { IAMClient } from "@aws-sdk/client-iam"
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts"
import { Cache, Clock, Duration, Effect, Equal, Exit, Layer, Option, Redacted } from "effect"
import { type AccessDenied, ServiceUnavailable } from "../../domain/AwsError.ts"
import { maxSessionSeconds } from "../../domain/handlerRole/HandlerRole.ts"
import { accountSessionPolicy, jobSessionPolicy, readingSessionPolicy } from "../../domain/handlerRole/sessionPolicy.ts"
import { handlerRoleArn, type PolicyChange } from "../../domain/PolicyChange.ts"
import { AwsConfig, type AwsKeys, WorkerConfig } from "../../services/Config.ts"
import { AwsSessions, type Reading } from "../../services/AwsSessions.ts"
import { httpHandler } from "./httpHandler.ts"
import { sdkCall } from "./sdkCall.ts"

/** How long a shared session lasts: the longest that role chaining allows. https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html */
const sharedFor = Duration.seconds(maxSessionSeconds)

/** How long a job's own session lasts: the shortest that STS gives. */
const ownFor = Duration.minutes(15)

/** A session is given up so long before its end: a call that starts with it must not outlive it. */
const margin = Duration.minutes(6)

/** How long an account whose role cannot be assumed fails without asking STS again. */
const deniedFor = Duration.seconds(10)

/** Accounts or jobs whose sessions are kept; the least recently used one makes room. */
const capacity = 1_000

/** What a session is for: all jobs of an account, by its id, the change of one job, or reading. */
type Purpose = string | PolicyChange | Reading

const sharedPolicy = JSON.stringify(accountSessionPolicy)
const readingPolicy = JSON.stringify(readingSessionPolicy)

export const AwsSessionsLive = Layer.effect(
  AwsSessions,
  Effect.gen(function* () {
    const config = yield* AwsConfig
    const { concurrency, workerId } = yield* WorkerConfig
    const timeout = Duration.toMillis(config.callTimeout)

    // One agent for all clients: sockets are shared, and there is nothing to close when a client goes.
    const requestHandler = yield* Effect.acquireRelease(
      Effect.sync(() => httpHandler(concurrency, timeout)),
      (handler) => Effect.sync(() => handler.destroy?.())
    )

    /** For the master credentials as they are now; another one only when they have changed. */
    let current: { readonly keys: Option.Option<AwsKeys>; readonly client: STSClient } | undefined
    const stsClient = Effect.map(Effect.transposeOption(config.credentials), (keys) => {
      if (current !== undefined && Equal.equals(keys, current.keys)) return current.client
      const client = new STSClient({
        region: config.region,
        maxAttempts: 1,
        ...(Option.isSome(config.stsEndpoint) && { endpoint: config.stsEndpoint.value }),
        ...(Option.isSome(keys) && {
          credentials: {
            accessKeyId: Redacted.value(keys.value.accessKeyId),
            secretAccessKey: Redacted.value(keys.value.secretAccessKey)
          }
        }),
        requestHandler
      })
      current = { keys, client }
      return client
    })

    const purposeOf = (use: PolicyChange | Reading): Purpose =>
      "_tag" in use || config.sessionScope === "job" ? use : use.accountId

    const shared = {
      RoleSessionName: config.roleSessionName,
      DurationSeconds: Duration.toSeconds(sharedFor),
      Policy: sharedPolicy,
      ...(config.sourceIdentity && { SourceIdentity: sourceIdentityOf(workerId) })
    }
    const sessionFor = (purpose: Purpose) =>
      typeof purpose === "string" ? shared : "_tag" in purpose ? { ...shared, Policy: readingPolicy } : own(purpose)
    const own = (change: PolicyChange) => ({
      RoleSessionName: change.correlationId,
      DurationSeconds: Duration.toSeconds(ownFor),
      Policy: JSON.stringify(jobSessionPolicy(config.partition, change)),
      ...(config.sourceIdentity && { SourceIdentity: change.correlationId })
    })

    const denied = yield* Cache.make({
      capacity,
      timeToLive: deniedFor,
      lookup: (_accountId: string): Effect.Effect<AccessDenied> => Effect.never
    })

    const assume = Effect.fnUntraced(function* (purpose: Purpose) {
      const accountId = typeof purpose === "string" ? purpose : purpose.accountId
      const session = sessionFor(purpose)
      const before = yield* Cache.getOption(denied, accountId)
      if (Option.isSome(before)) return yield* before.value
      const sts = yield* stsClient
      const { value } = yield* sdkCall("AssumeRole", config.callTimeout, (options) =>
        sts.send(
          new AssumeRoleCommand({
            ...session,
            RoleArn: handlerRoleArn(config.partition, accountId, config.roleName),
            ExternalId: Option.getOrUndefined(config.externalId)
          }),
          options
        )
      ).pipe(Effect.tapErrorTag("AccessDenied", (error) => Cache.set(denied, accountId, error)))
      const { AccessKeyId, Expiration, SecretAccessKey, SessionToken } = value.Credentials ?? {}
      if (AccessKeyId === undefined || SecretAccessKey === undefined || SessionToken === undefined) {
        return yield* new ServiceUnavailable({
          code: "NoCredentials",
          message: "STS answered without credentials",
          operation: "AssumeRole"
        })
      }
      const client = new IAMClient({
        region: config.region,
        maxAttempts: 1,
        ...(Option.isSome(config.iamEndpoint) && { endpoint: config.iamEndpoint.value }),
        credentials: { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken },
        requestHandler
      })
      const now = yield* Clock.currentTimeMillis
      const lifetime = Expiration === undefined ? session.DurationSeconds * 1_000 : Expiration.getTime() - now
      return { client, usableFor: Duration.millis(Math.max(0, lifetime - Duration.toMillis(margin))) }
    })

    const sessions = yield* Cache.makeWith(assume, {
      capacity: Math.max(capacity, concurrency),
      timeToLive: (exit) => (Exit.isSuccess(exit) ? exit.value.usableFor : Duration.zero)
    })

    return AwsSessions.of({
      client: (use) => Effect.map(Cache.get(sessions, purposeOf(use)), ({ client }) => client),
      shared: (accountId) => Effect.map(Cache.get(sessions, accountId), ({ client }) => client),
      forget: (use, client) =>
        Effect.asVoid(Cache.invalidateWhen(sessions, purposeOf(use), (session) => session.client === client)),
      identity: Effect.flatMap(stsClient, (sts) =>
        sdkCall("GetCallerIdentity", config.callTimeout, (options) =>
          sts.send(new GetCallerIdentityCommand({}), options)
        )
      ).pipe(Effect.map(({ value }) => value.Arn ?? "unknown"))
    })
  })
)

/** SourceIdentity of sessions that jobs share: the worker's id, as far as STS takes it. The trail of each request names it, too. */
const sourceIdentityOf = (workerId: string): string =>
  workerId
    .replaceAll(/[^\w+=,.@-]/g, "-")
    .padEnd(2, "-")
    .slice(0, 64)
