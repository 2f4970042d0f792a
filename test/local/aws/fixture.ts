import { IAMClient, type IAMClientConfig } from "@aws-sdk/client-iam"
import {
  AssumeRoleCommand,
  type AssumeRoleCommandInput,
  type AssumeRoleCommandOutput,
  STSClient,
  type STSClientConfig
} from "@aws-sdk/client-sts"
import { Effect, Schema } from "effect"
import { LocalAws, type LocalAwsListenError, type LocalAwsOptions } from "../../../local/aws/LocalAws.ts"

/** A target account of the tests, and another one. */
export const accountId = "111111111111"
export const otherAccountId = "222222222222"

export const readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess"
export const auditors = `arn:aws:iam::${accountId}:policy/team/Auditors`

/** The role that can be assumed in an account. */
export const handlerArn = (account: string): string => `arn:aws:iam::${account}:role/Handler`

/** Gives a test a local AWS of its own. */
export const withAws =
  (options: LocalAwsOptions = {}) =>
  <A, E, R>(test: Effect.Effect<A, E, R>): Effect.Effect<A, E | LocalAwsListenError, Exclude<R, LocalAws>> =>
    Effect.provide(test, LocalAws.layer(options))

/** Two accounts with a handler role, a user, a role and a customer managed policy each. */
export const declareWorld = Effect.fnUntraced(function* () {
  const aws = yield* LocalAws
  for (const id of [accountId, otherAccountId]) {
    aws.world.addAccount({
      accountId: id,
      handlerRole: { name: "Handler" },
      users: ["alice"],
      roles: ["Deploy"],
      policies: ["team/Auditors"]
    })
  }
  return aws
})

/** What the SDK shows of an error. */
const SdkError = Schema.Struct({
  name: Schema.String,
  message: Schema.String,
  /** The code on the wire: absent when the answer was no AWS error. */
  Code: Schema.optional(Schema.String),
  Type: Schema.optional(Schema.String),
  /** Node's code of a network error. */
  code: Schema.optional(Schema.String),
  $metadata: Schema.optional(
    Schema.Struct({
      httpStatusCode: Schema.optional(Schema.Number),
      requestId: Schema.optional(Schema.String)
    })
  ),
  $response: Schema.optional(Schema.Struct({ headers: Schema.Record(Schema.String, Schema.String) }))
})

export type SdkError = typeof SdkError.Type

const decodeError = Schema.decodeUnknownSync(SdkError)

/** Makes one call. Interrupting it aborts the call. */
export const send = <A>(
  call: (options: { readonly abortSignal: AbortSignal }) => Promise<A>
): Effect.Effect<A, SdkError> =>
  Effect.tryPromise({ try: (abortSignal) => call({ abortSignal }), catch: (error) => decodeError(error) })

/** A client of STS with the master credentials, or whatever `config` says. */
export const stsClient = Effect.fnUntraced(function* (config: STSClientConfig = {}) {
  const { master, url } = yield* LocalAws
  return yield* Effect.acquireRelease(
    Effect.sync(
      () => new STSClient({ endpoint: url, region: "us-east-1", maxAttempts: 1, credentials: master, ...config })
    ),
    (client) => Effect.sync(() => client.destroy())
  )
})

/** A client of IAM with the given keys. */
export const iamClient = Effect.fnUntraced(function* (config: IAMClientConfig) {
  const { url } = yield* LocalAws
  return yield* Effect.acquireRelease(
    Effect.sync(() => new IAMClient({ endpoint: url, region: "us-east-1", maxAttempts: 1, ...config })),
    (client) => Effect.sync(() => client.destroy())
  )
})

/** Assumes the handler role of the first account, or whatever `input` says. */
export const assume = Effect.fnUntraced(function* (
  input: Partial<AssumeRoleCommandInput> = {},
  config: STSClientConfig = {}
) {
  const sts = yield* stsClient(config)
  const command = new AssumeRoleCommand({ RoleArn: handlerArn(accountId), RoleSessionName: "worker", ...input })
  return yield* send((options) => sts.send(command, options))
})

/** The keys that AssumeRole answered. */
export const keysOf = ({ Credentials }: AssumeRoleCommandOutput) => ({
  accessKeyId: Credentials?.AccessKeyId ?? "",
  secretAccessKey: Credentials?.SecretAccessKey ?? "",
  sessionToken: Credentials?.SessionToken ?? ""
})

/** A client of IAM with a new session in an account: what the worker works with. */
export const iamIn = Effect.fnUntraced(function* (account: string = accountId) {
  return yield* iamClient({ credentials: keysOf(yield* assume({ RoleArn: handlerArn(account) })) })
})

/** Code, status and type: what a caller classifies an error by. */
export const facts = (error: SdkError): readonly [string | undefined, number | undefined, string | undefined] => [
  error.Code,
  error.$metadata?.httpStatusCode,
  error.Type
]
