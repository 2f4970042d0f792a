import { DateTime, Effect, Option, Schema, SchemaTransformation, String } from "effect"

/** Bytes; a longer payload is refused without being decoded. */
export const maxPayloadBytes = 64 * 1024

/** Any UUID, whatever its version: PostgreSQL's `uuid` takes them all. */
export const CorrelationId = Schema.String.check(Schema.isGUID())

/** An AWS account: 12 digits. */
export const AccountId = Schema.String.check(Schema.isPattern(/^\d{12}$/, { expected: "12 digits" }))

/** Name of an IAM user or role, without a path. https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachUserPolicy.html */
export const PrincipalName = Schema.String.check(
  Schema.isPattern(/^[\w+=,.@-]{1,64}$/, { expected: "an IAM user or role name" })
)

/** Name of an IAM policy, optionally after its path: `ReadOnlyAccess`, `service-role/AWSLambdaRole`. */
export const PolicyName = Schema.String.check(
  Schema.isPattern(/^(?:[\w+=,.@-]{1,64}\/){0,8}[\w+=,.@-]{1,128}$/, {
    expected: "an IAM policy name, optionally with its path"
  })
)

export const Action = Schema.Literals(["add", "remove"])

export const PrincipalType = Schema.Literals(["User", "Role"])

/** `default`: a policy that AWS manages. `custom`: one of the target account. */
export const EntitlementType = Schema.Literals(["default", "custom"])

/** Producers write it in any letter case. */
export const AnyCasePrincipalType = Schema.String.pipe(
  Schema.decode(SchemaTransformation.transform({ decode: normalCase, encode: (name: string) => name })),
  Schema.decodeTo(PrincipalType)
)

/** How long a granted access lasts, in minutes: as many as PostgreSQL's `integer` takes. */
export const DurationMinutes = Schema.Int.check(
  Schema.isBetween({ minimum: 1, maximum: 2_147_483_647 }, { expected: "a positive number of minutes" })
)

/** ISO 8601, as Python's `isoformat` and JavaScript's `toISOString` write it. */
const Timestamp = Schema.String.check(
  Schema.makeFilter((text) => Option.isSome(DateTime.make(text)), { expected: "an ISO 8601 time" })
)

/**
 * A job as producers push it. Fields that are not named here are ignored; optional ones may be null, which is how Python
 * producers write `None`.
 */
export const Job = Schema.Struct({
  correlation_id: CorrelationId,
  client_request_id: Schema.optionalKey(Schema.NullOr(Schema.String)),
  target_cloud: Schema.optionalKey(Schema.NullOr(Schema.Literal("aws"))),
  account_id: AccountId,
  principal: PrincipalName,
  principal_type: AnyCasePrincipalType,
  action: Action,
  entitlement: PolicyName,
  entitlement_type: EntitlementType,
  duration_minutes: Schema.optionalKey(Schema.NullOr(DurationMinutes)),
  received_at: Schema.optionalKey(Schema.NullOr(Timestamp)),
  /** The producer's span. The job is valid whatever this holds. */
  traceparent: Schema.optionalKey(Schema.Unknown)
})
export type Job = typeof Job.Type

/**
 * The payload is not a job. `correlationId`: the request that the bytes name all the same, which then has to fail.
 */
export class InvalidPayload extends Schema.TaggedError<InvalidPayload>()("InvalidPayload", {
  message: Schema.String,
  correlationId: Schema.Option(CorrelationId)
}) {}

const decodeUtf8 = (bytes: Uint8Array): Option.Option<string> =>
  Option.liftThrowable(() => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes))()

const parseJson = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Unknown))
const parseFields = Schema.decodeUnknownEffect(Job)
const parseCorrelationId = Schema.decodeUnknownOption(Schema.Struct({ correlation_id: CorrelationId }))

const refuse = (message: string, correlationId: Option.Option<string> = Option.none()) =>
  new InvalidPayload({ message, correlationId })

/** Decodes the bytes of a payload, which may be anything. */
export const decodeJob = Effect.fnUntraced(function* (bytes: Uint8Array): Effect.fn.Return<Job, InvalidPayload> {
  if (bytes.length > maxPayloadBytes) {
    return yield* refuse(`${bytes.length} bytes are more than the ${maxPayloadBytes} that a payload may have`)
  }
  const text = decodeUtf8(bytes)
  if (Option.isNone(text)) return yield* refuse("not UTF-8")
  const json = yield* parseJson(text.value).pipe(Effect.mapError(() => refuse("not JSON")))
  return yield* parseFields(json).pipe(
    Effect.mapError((error) =>
      refuse(
        error.message.replaceAll(/\s*\n\s*/g, " "),
        Option.map(parseCorrelationId(json), (it) => it.correlation_id)
      )
    )
  )
})

/** When the producer took the request, if the payload says so. */
export const receivedAt = (job: Job): Option.Option<DateTime.Utc> =>
  Option.flatMap(Option.fromNullishOr(job.received_at), (text) => DateTime.make(text))

function normalCase(name: string): string {
  return String.capitalize(name.toLowerCase())
}
