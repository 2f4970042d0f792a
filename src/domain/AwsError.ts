import { Schema } from "effect"

/**
 * What the worker does about a failed call to AWS:
 *
 * - `transient`: the same call may succeed later; retried on a schedule
 * - `permanent`: it never will; the request fails
 * - `systemic`: the worker's own credentials or clock are wrong; the request is not at fault
 * - `session`: the assumed session has ended; assume the role again
 */
export type Kind = "transient" | "permanent" | "systemic" | "session"

const fields = {
  /** AWS's error code, or Node's for a broken connection. */
  code: Schema.String,
  message: Schema.String,
  /** The API operation that failed, such as `AttachUserPolicy`. */
  operation: Schema.String
}

/** Too many calls. `retryAfter`: what the server asked to wait, in milliseconds. */
export class Throttling extends Schema.TaggedError<Throttling>()("Throttling", {
  ...fields,
  retryAfter: Schema.optionalKey(Schema.Number)
}) {
  readonly kind = "transient"
}

/** No answer: timed out, cut off, aborted. Whether AWS carried the call out is unknown. */
export class Timeout extends Schema.TaggedError<Timeout>()("Timeout", fields) {
  readonly kind = "transient"
}

/** AWS failed, or could not be reached. `retryAfter` in milliseconds. */
export class ServiceUnavailable extends Schema.TaggedError<ServiceUnavailable>()("ServiceUnavailable", {
  ...fields,
  retryAfter: Schema.optionalKey(Schema.Number)
}) {
  readonly kind = "transient"
}

/** Somebody else is changing the same principal. */
export class ConcurrentModification extends Schema.TaggedError<ConcurrentModification>()(
  "ConcurrentModification",
  fields
) {
  readonly kind = "transient"
}

/** From STS: the role is missing or does not trust the worker. From IAM: the role may not do this. */
export class AccessDenied extends Schema.TaggedError<AccessDenied>()("AccessDenied", fields) {
  readonly kind = "permanent"
}

/** No such principal, policy or attachment. */
export class NoSuchEntity extends Schema.TaggedError<NoSuchEntity>()("NoSuchEntity", fields) {
  readonly kind = "permanent"
}

/** A quota of the target account is used up. */
export class LimitExceeded extends Schema.TaggedError<LimitExceeded>()("LimitExceeded", fields) {
  readonly kind = "permanent"
}

/** AWS understood the call and refuses what it asks for. */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>()("InvalidRequest", fields) {
  readonly kind = "permanent"
}

/** The worker's own credentials, or its clock, are wrong. */
export class CredentialsInvalid extends Schema.TaggedError<CredentialsInvalid>()("CredentialsInvalid", fields) {
  readonly kind = "systemic"
}

/** The assumed session ended before its time, for instance because its role's sessions were revoked. */
export class SessionExpired extends Schema.TaggedError<SessionExpired>()("SessionExpired", fields) {
  readonly kind = "session"
}

export type AwsError =
  | Throttling
  | Timeout
  | ServiceUnavailable
  | ConcurrentModification
  | AccessDenied
  | NoSuchEntity
  | LimitExceeded
  | InvalidRequest
  | CredentialsInvalid
  | SessionExpired
