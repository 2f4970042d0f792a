import type * as errors from "./AwsError.ts"
import {
  AccessDenied,
  type AwsError,
  ConcurrentModification,
  CredentialsInvalid,
  InvalidRequest,
  LimitExceeded,
  NoSuchEntity,
  ServiceUnavailable,
  SessionExpired,
  Throttling,
  Timeout
} from "./AwsError.ts"

/** What is known of a failed call, whatever library made it. */
export interface CallFailure {
  readonly operation: string
  /** AWS's error code, with or without the SDK's suffix `Exception`, or the code of Node's socket error. */
  readonly code: string
  readonly message: string
  /** HTTP status, if there was an answer. */
  readonly status: number | undefined
  /** Milliseconds, from the answer's Retry-After. */
  readonly retryAfter: number | undefined
}

type ErrorClass = (typeof errors)[keyof typeof errors]

/**
 * Every code that STS, IAM or a socket is known to answer with. Sources: the Errors sections of
 * https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html and of the operations' own pages; for sockets,
 * https://nodejs.org/api/errors.html#common-system-errors. `LimitExceeded` is a quota, not a rate, although the SDK
 * counts it among the throttling codes.
 */
export const classByCode: Readonly<Record<string, ErrorClass>> = {
  Throttling,
  Throttled: Throttling,
  RequestThrottled: Throttling,
  RequestLimitExceeded: Throttling,
  TooManyRequests: Throttling,
  SlowDown: Throttling,

  ServiceFailure: ServiceUnavailable,
  InternalFailure: ServiceUnavailable,
  InternalError: ServiceUnavailable,
  ServiceUnavailable,
  ECONNREFUSED: ServiceUnavailable,
  ENOTFOUND: ServiceUnavailable,
  EAI_AGAIN: ServiceUnavailable,
  EHOSTUNREACH: ServiceUnavailable,
  ENETUNREACH: ServiceUnavailable,
  UND_ERR_CONNECT_TIMEOUT: ServiceUnavailable,

  ECONNRESET: Timeout,
  EPIPE: Timeout,
  ETIMEDOUT: Timeout,
  UND_ERR_SOCKET: Timeout,
  UND_ERR_HEADERS_TIMEOUT: Timeout,
  UND_ERR_BODY_TIMEOUT: Timeout,
  TimeoutError: Timeout,
  RequestTimeout: Timeout,
  AbortError: Timeout,

  ConcurrentModification,
  EntityTemporarilyUnmodifiable: ConcurrentModification,

  AccessDenied,
  UnauthorizedOperation: AccessDenied,
  OptInRequired: AccessDenied,

  NoSuchEntity,

  LimitExceeded,

  InvalidInput: InvalidRequest,
  ValidationError: InvalidRequest,
  PolicyNotAttachable: InvalidRequest,
  UnmodifiableEntity: InvalidRequest,
  MalformedPolicyDocument: InvalidRequest,
  PackedPolicyTooLarge: InvalidRequest,
  RegionDisabled: InvalidRequest,

  InvalidClientTokenId: CredentialsInvalid,
  IncompleteSignature: CredentialsInvalid,
  SignatureDoesNotMatch: CredentialsInvalid,
  RequestExpired: CredentialsInvalid,
  MissingAuthenticationToken: CredentialsInvalid,
  CredentialsProviderError: CredentialsInvalid,

  ExpiredToken: SessionExpired
}

/** An unknown code is judged by its HTTP status; without an answer nobody knows whether AWS acted. */
const classByStatus = (status: number | undefined): ErrorClass =>
  status === undefined ? Timeout : status >= 500 ? ServiceUnavailable : InvalidRequest

/**
 * The one place that decides what a failed call to AWS means. Only the first line of its message is kept: that of `SignatureDoesNotMatch` goes on
 * with what should have been signed, session token and all. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
 */
export const classify = (failure: CallFailure): AwsError => {
  const { operation } = failure
  const [message = ""] = failure.message.trim().split("\n", 1)
  const code = failure.code.replace(/Exception$/, "")
  const known = Object.hasOwn(classByCode, code) ? classByCode[code] : undefined
  const judged = failure.status === 429 ? Throttling : (known ?? classByStatus(failure.status))
  const Class = isStsOperation(operation)
    ? // STS is called with the worker's own credentials: when those have expired, no new session helps.
      judged === SessionExpired
      ? CredentialsInvalid
      : judged
    : // IAM is called with the session's credentials: a key id that it does not know means that the session is gone.
      code === "InvalidClientTokenId"
      ? SessionExpired
      : judged
  const fields = { code, message, operation }
  return Class === Throttling || Class === ServiceUnavailable
    ? new Class(failure.retryAfter === undefined ? fields : { ...fields, retryAfter: failure.retryAfter })
    : new Class(fields)
}

const isStsOperation = (operation: string): boolean => operation === "AssumeRole" || operation === "GetCallerIdentity"
