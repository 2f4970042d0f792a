import { IAMClient } from "@aws-sdk/client-iam"
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts"
import { Cache, Clock, Duration, Effect, Equal, Exit, Layer, Option, Redacted } from "effect"
import { ServiceUnavailable } from "../../domain/AwsError.ts"
import { handlerRoleArn } from "../../domain/PolicyChange.ts"
import { AwsConfig, type AwsKeys, WorkerConfig } from "../../services/Config.ts"
import { AwsSessions } from "../../services/AwsSessions.ts"
import { httpHandler } from "./httpHandler.ts"
import { sdkCall } from "./sdkCall.ts"

/** The longest that role chaining allows. https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html */
const sessionDuration = Duration.hours(1)

/** A session is given up so long before its end: a call that starts with it must not outlive it. */
const margin = Duration.minutes(6)

/** How long an account whose role cannot be assumed fails without asking STS again. */
const deniedFor = Duration.seconds(10)

/** Accounts whose sessions are kept; the least recently used one makes room. */
const capacity = 1_000

/**
 * What an assumed session may do, whatever its role may: constant, so that sessions can be shared. At most 2,048 characters.
 */
const sessionPolicy = JSON.stringify({
  Version: "2012-10-17",
  Statement: [
    {
      Effect: "Allow",
      Action: [
        "iam:AttachUserPolicy",
        "iam:DetachUserPolicy",
        "iam:AttachRolePolicy",
        "iam:DetachRolePolicy",
        "iam:ListAttachedUserPolicies",
        "iam:ListAttachedRolePolicies"
      ],
      Resource: "*"
    }
  ]
})

export const AwsSessionsLive = Layer.effect(
  AwsSessions,
  Effect.gen(function* () {
    const config = yield* AwsConfig
    const { concurrency } = yield* WorkerConfig
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

    const assume = Effect.fnUntraced(function* (accountId: string) {
      const sts = yield* stsClient
      const { value } = yield* sdkCall("AssumeRole", config.callTimeout, (options) =>
        sts.send(
          new AssumeRoleCommand({
            RoleArn: handlerRoleArn(config.partition, accountId, config.roleName),
            RoleSessionName: config.roleSessionName,
            DurationSeconds: Duration.toSeconds(sessionDuration),
            ExternalId: Option.getOrUndefined(config.externalId),
            Policy: sessionPolicy
          }),
          options
        )
      )
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
      const lifetime = Expiration === undefined ? Duration.toMillis(sessionDuration) : Expiration.getTime() - now
      return { client, usableFor: Duration.millis(Math.max(0, lifetime - Duration.toMillis(margin))) }
    })

    const sessions = yield* Cache.makeWith(assume, {
      capacity,
      timeToLive: (exit) => {
        if (Exit.isSuccess(exit)) return exit.value.usableFor
        const error = Exit.findErrorOption(exit)
        return Option.isSome(error) && error.value._tag === "AccessDenied" ? deniedFor : Duration.zero
      }
    })

    return AwsSessions.of({
      client: (accountId) => Effect.map(Cache.get(sessions, accountId), ({ client }) => client),
      forget: (accountId, client) =>
        Effect.asVoid(Cache.invalidateWhen(sessions, accountId, (session) => session.client === client)),
      identity: Effect.flatMap(stsClient, (sts) =>
        sdkCall("GetCallerIdentity", config.callTimeout, (options) =>
          sts.send(new GetCallerIdentityCommand({}), options)
        )
      ).pipe(Effect.map(({ value }) => value.Arn ?? "unknown"))
    })
  })
)
