import { createHmac, hash } from "node:crypto"
import type { IncomingHttpHeaders } from "node:http"
import type { Credential } from "./Credentials.ts"
import { type AwsFailure, failure } from "./Errors.ts"
import type { Service } from "./Operations.ts"
import { parseAuthorization, type StatedSignature } from "./Authorization.ts"

/** The parts of an HTTP request that a signature covers. */
export interface SignedRequest {
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** AWS takes a signature for five minutes before and after its date. */
const allowedSkewMillis = 300_000

const header = (headers: IncomingHttpHeaders, name: string): string | undefined => {
  const value = headers[name]
  return Array.isArray(value) ? value.join(",") : value
}

/** Reads the signature of a request: SigV4 in the `Authorization` header, as the SDK sends it. */
export const readSignature = (request: SignedRequest): StatedSignature | AwsFailure => {
  const { authorization } = request.headers
  return authorization === undefined
    ? failure("MissingAuthenticationToken")
    : parseAuthorization(authorization, header(request.headers, "x-amz-date"))
}

const basicFormat = (millis: number): string => new Date(millis).toISOString().replaceAll(/[:-]|\.\d+/g, "")

const checkClock = ({ date, signedAt }: StatedSignature, now: number): AwsFailure | undefined => {
  const here = basicFormat(now)
  if (signedAt < now - allowedSkewMillis) {
    const limit = basicFormat(now - allowedSkewMillis)
    return failure(
      "SignatureDoesNotMatch",
      `Signature expired: ${date} is now earlier than ${limit} (${here} - 5 min.)`
    )
  }
  if (signedAt > now + allowedSkewMillis) {
    const limit = basicFormat(now + allowedSkewMillis)
    return failure(
      "SignatureDoesNotMatch",
      `Signature not yet current: ${date} is still later than ${limit} (${here} + 5 min.)`
    )
  }
  return undefined
}

const checkScope = (stated: StatedSignature, service: Service): AwsFailure | undefined => {
  const { date, day, signedHeaders, terminator } = stated
  if (stated.service !== service) {
    return failure("SignatureDoesNotMatch", `Credential should be scoped to correct service: '${service}'. `)
  }
  if (terminator !== "aws4_request") {
    return failure(
      "SignatureDoesNotMatch",
      `Credential should be scoped with a valid terminator: 'aws4_request', not '${terminator}'.`
    )
  }
  if (!date.startsWith(day)) {
    return failure(
      "SignatureDoesNotMatch",
      `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${day}' != '${date.slice(0, 8)}', from '${date}'.`
    )
  }
  return signedHeaders.split(";").includes("host")
    ? undefined
    : failure("SignatureDoesNotMatch", "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
}

const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest()

const signingKey = (credential: Credential, { day, region, service }: StatedSignature): Buffer => {
  const scope = `${day}/${region}/${service}`
  let key = credential.signingKeys.get(scope)
  if (key === undefined) {
    key = hmac(hmac(hmac(hmac(`AWS4${credential.secretAccessKey}`, day), region), service), "aws4_request")
    credential.signingKeys.set(scope, key)
  }
  return key
}

/** The signature that the request should have: for `POST /` without a query, which is all that the SDK sends. */
const expectedSignature = (credential: Credential, stated: StatedSignature, request: SignedRequest): string => {
  const { date, day, region, service, signedHeaders } = stated
  let canonical = "POST\n/\n\n"
  for (const name of signedHeaders.split(";")) {
    canonical += `${name}:${(header(request.headers, name) ?? "").trim().replaceAll(/ +/g, " ")}\n`
  }
  canonical += `\n${signedHeaders}\n${hash("sha256", request.body)}`
  return createHmac("sha256", signingKey(credential, stated))
    .update(`AWS4-HMAC-SHA256\n${date}\n${day}/${region}/${service}/aws4_request\n${hash("sha256", canonical)}`)
    .digest("hex")
}

/**
 * Whether the keys that a request names did sign it, and still may.
 *
 * Any region is accepted, because the SDK signs IAM calls for the client's own region when it is given an endpoint.
 * Codes and wording are those of STS and IAM, where a clock that is off shows as SignatureDoesNotMatch.
 */
export const verifySignature = (
  credential: Credential | undefined,
  stated: StatedSignature,
  request: SignedRequest,
  service: Service,
  now: number
): AwsFailure | undefined => {
  const outOfScope = checkScope(stated, service)
  if (outOfScope !== undefined) return outOfScope
  if (credential === undefined || header(request.headers, "x-amz-security-token") !== credential.sessionToken) {
    return failure("InvalidClientTokenId")
  }
  const skewed = checkClock(stated, now)
  if (skewed !== undefined) return skewed
  if (stated.signature !== expectedSignature(credential, stated, request)) return failure("SignatureDoesNotMatch")
  return credential.expiresAt <= now ? failure("ExpiredToken") : undefined
}
