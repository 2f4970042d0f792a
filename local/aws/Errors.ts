import { Struct } from "effect"

/**
 * The errors that this AWS can answer: HTTP status and the message AWS sends where it is always the same.
 *
 * Statuses come from the `awsQueryError` traits of the SDK's service models and from the "Common Errors" pages of the
 * STS and IAM API references. `IncompleteSignature` is 400 on the wire, whatever newer pages say.
 */
const table = {
  AccessDenied: { status: 403, message: "Access denied" },
  ConcurrentModification: {
    status: 409,
    message:
      "The request was rejected because multiple requests to change this object were submitted simultaneously. Wait a few minutes and submit your request again."
  },
  EntityTemporarilyUnmodifiable: { status: 409, message: "The entity is temporarily unmodifiable. Please try again." },
  ExpiredToken: { status: 403, message: "The security token included in the request is expired" },
  IncompleteSignature: { status: 400, message: "The request signature does not conform to AWS standards." },
  InternalFailure: {
    status: 500,
    message: "The request processing has failed because of an unknown error, exception or failure."
  },
  InvalidAction: { status: 400, message: "The action or operation requested is invalid." },
  InvalidClientTokenId: { status: 403, message: "The security token included in the request is invalid." },
  InvalidInput: { status: 400, message: "An invalid or out-of-range value was supplied for the input parameter." },
  LimitExceeded: { status: 409, message: "Cannot exceed quota for PoliciesPerRole: 10" },
  MalformedPolicyDocument: { status: 400, message: "This policy contains invalid Json" },
  MissingAction: { status: 400, message: "The request is missing an action or a required parameter." },
  MissingAuthenticationToken: { status: 403, message: "Request is missing Authentication Token" },
  NoSuchEntity: {
    status: 404,
    message: "The request was rejected because it referenced a resource entity that does not exist."
  },
  PackedPolicyTooLarge: {
    status: 400,
    message: "Packed policy consumes 112% of allotted space, please use smaller policy."
  },
  PolicyNotAttachable: { status: 400, message: "Cannot attach a Service Role Policy to a Customer Role." },
  RegionDisabledException: {
    status: 403,
    message:
      "STS is not activated in this region for account. Your account administrator can activate STS in this region using the IAM Console."
  },
  RequestExpired: { status: 400, message: "Request has expired." },
  RequestLimitExceeded: { status: 503, message: "Request limit exceeded." },
  ServiceFailure: {
    status: 500,
    message: "The request processing has failed because of an unknown error, exception or failure."
  },
  ServiceUnavailable: { status: 503, message: "Service is unavailable" },
  SignatureDoesNotMatch: {
    status: 403,
    message:
      "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
  },
  Throttling: { status: 400, message: "Rate exceeded" },
  ThrottlingException: { status: 400, message: "Rate exceeded" },
  TooManyRequests: { status: 429, message: "Too Many Requests" },
  UnmodifiableEntity: {
    status: 400,
    message: "Cannot perform the operation on the protected role - this role is only modifiable by AWS"
  },
  ValidationError: { status: 400, message: "The input fails to satisfy the constraints specified by an AWS service." }
} as const satisfies Record<string, { readonly status: number; readonly message: string }>

/** An error code as it is on the wire, in `<Code>`: without the `Exception` that the SDK adds to its class names. */
export type ErrorCode = keyof typeof table

/** Every error code that this AWS can answer. */
export const errorCodes: ReadonlyArray<ErrorCode> = Struct.keys(table)

/** An AWS error on its way to the caller. A plain value: nothing on the request path throws. */
export interface AwsFailure {
  readonly code: ErrorCode
  readonly message: string
  /** Seconds for the `Retry-After` header. */
  readonly retryAfterSeconds?: number | undefined
}

/** An error with AWS's usual message, or the given one. */
export const failure = (code: ErrorCode, message: string = table[code].message): AwsFailure => ({ code, message })

/** The HTTP status that goes with an error code. */
export const statusOf = (code: ErrorCode): number => table[code].status
