import { IAMClient } from "@aws-sdk/client-iam"
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts"
import { Cache, Clock, Duration, Effect, Equal, Exit, Layer, Option, Redacted } from "effect"
import { type AccessDenied, ServiceUnavailable } from "../../domain/AwsError.ts"
import { handlerRoleArn, type PolicyChange } from "../../domain/PolicyChange.ts"
import { AwsConfig, type AwsKeys, WorkerConfig } from "../../services/Config.ts"
import { AwsSessions, type Reading } from "./AwsSessions.ts"
import { httpHandler } from "./httpHandler.ts"
import { sdkCall } from "./sdkCall.ts"
import { type SessionRequest, sessionRequests } from "./sessionRequests.ts"

/** How long before its end a session is given up: a call that starts with it must not outlive it. */
const margin = Duration.minutes(6)

/** For how long an account whose role cannot be assumed fails without another call to STS. */
const deniedFor = Duration.seconds(10)

/** Accounts or jobs whose sessions are kept; the least recently used one makes room. */
const capacity = 1_000

/** What a session is for: all jobs of an account, by its id, the change of one job, or reading. */
type Purpose = string | PolicyChange | Reading

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

    /** The client for the master credentials as they are now; a new one is made only when they have changed. */
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

    const { looking, own, reading, shared } = sessionRequests(config, workerId)
    const purposeOf = (use: PolicyChange | Reading): Purpose =>
      "_tag" in use || config.sessionScope === "job" ? use : use.accountId

    const denied = yield* Cache.make({
      capacity,
      timeToLive: deniedFor,
      lookup: (_accountId: string): Effect.Effect<AccessDenied> => Effect.never
    })

    const assume = Effect.fnUntraced(function* (accountId: string, session: SessionRequest) {
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

    const assumeFor = (purpose: Purpose) =>
      typeof purpose === "string"
        ? assume(purpose, shared())
        : assume(purpose.accountId, "_tag" in purpose ? reading() : own(purpose))

    const sessions = yield* Cache.makeWith(assumeFor, {
      capacity: Math.max(capacity, concurrency),
      timeToLive: (exit) => (Exit.isSuccess(exit) ? exit.value.usableFor : Duration.zero)
    })

    return AwsSessions.of({
      client: (use) => Effect.map(Cache.get(sessions, purposeOf(use)), ({ client }) => client),
      shared: (accountId) => Effect.map(Cache.get(sessions, accountId), ({ client }) => client),
      looking: (change) => Effect.map(assume(change.accountId, looking(change)), ({ client }) => client),
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
