import { assert, describe, it } from "@effect/vitest"
import type { AwsError } from "../../src/domain/AwsError.ts"
import { type CallFailure, classByCode, classify } from "../../src/domain/classify.ts"

const failure = (fields: Partial<CallFailure>): CallFailure => ({
  operation: "AttachUserPolicy",
  code: "Unknown",
  message: "",
  status: undefined,
  retryAfter: undefined,
  ...fields
})

/** Code, HTTP status, class, kind: the facts, written down a second time. */
const facts: ReadonlyArray<readonly [string, number | undefined, AwsError["_tag"], AwsError["kind"]]> = [
  ["Throttling", 400, "Throttling", "transient"],
  ["ThrottlingException", 400, "Throttling", "transient"],
  ["Throttled", 400, "Throttling", "transient"],
  ["RequestThrottled", 400, "Throttling", "transient"],
  ["RequestLimitExceeded", 503, "Throttling", "transient"],
  ["TooManyRequests", 429, "Throttling", "transient"],
  ["TooManyRequestsException", 429, "Throttling", "transient"],
  ["SlowDown", 503, "Throttling", "transient"],
  ["ServiceFailure", 500, "ServiceUnavailable", "transient"],
  ["InternalFailure", 500, "ServiceUnavailable", "transient"],
  ["InternalError", 500, "ServiceUnavailable", "transient"],
  ["ServiceUnavailable", 503, "ServiceUnavailable", "transient"],
  ["ECONNREFUSED", undefined, "ServiceUnavailable", "transient"],
  ["ENOTFOUND", undefined, "ServiceUnavailable", "transient"],
  ["EAI_AGAIN", undefined, "ServiceUnavailable", "transient"],
  ["EHOSTUNREACH", undefined, "ServiceUnavailable", "transient"],
  ["ENETUNREACH", undefined, "ServiceUnavailable", "transient"],
  ["UND_ERR_CONNECT_TIMEOUT", undefined, "ServiceUnavailable", "transient"],
  ["ECONNRESET", undefined, "Timeout", "transient"],
  ["EPIPE", undefined, "Timeout", "transient"],
  ["ETIMEDOUT", undefined, "Timeout", "transient"],
  ["UND_ERR_SOCKET", undefined, "Timeout", "transient"],
  ["UND_ERR_HEADERS_TIMEOUT", undefined, "Timeout", "transient"],
  ["UND_ERR_BODY_TIMEOUT", undefined, "Timeout", "transient"],
  ["TimeoutError", undefined, "Timeout", "transient"],
  ["RequestTimeout", 408, "Timeout", "transient"],
  ["AbortError", undefined, "Timeout", "transient"],
  ["ConcurrentModification", 409, "ConcurrentModification", "transient"],
  ["ConcurrentModificationException", 409, "ConcurrentModification", "transient"],
  ["EntityTemporarilyUnmodifiable", 409, "ConcurrentModification", "transient"],
  ["AccessDenied", 403, "AccessDenied", "permanent"],
  ["AccessDeniedException", 403, "AccessDenied", "permanent"],
  ["UnauthorizedOperation", 403, "AccessDenied", "permanent"],
  ["OptInRequired", 403, "AccessDenied", "permanent"],
  ["NoSuchEntity", 404, "NoSuchEntity", "permanent"],
  ["LimitExceeded", 409, "LimitExceeded", "permanent"],
  ["LimitExceededException", 409, "LimitExceeded", "permanent"],
  ["InvalidInput", 400, "InvalidRequest", "permanent"],
  ["ValidationError", 400, "InvalidRequest", "permanent"],
  ["PolicyNotAttachable", 400, "InvalidRequest", "permanent"],
  ["UnmodifiableEntity", 400, "InvalidRequest", "permanent"],
  ["MalformedPolicyDocument", 400, "InvalidRequest", "permanent"],
  ["PackedPolicyTooLarge", 400, "InvalidRequest", "permanent"],
  ["RegionDisabled", 403, "InvalidRequest", "permanent"],
  ["RegionDisabledException", 403, "InvalidRequest", "permanent"],
  ["IncompleteSignature", 400, "CredentialsInvalid", "systemic"],
  ["SignatureDoesNotMatch", 403, "CredentialsInvalid", "systemic"],
  ["RequestExpired", 400, "CredentialsInvalid", "systemic"],
  ["MissingAuthenticationToken", 403, "CredentialsInvalid", "systemic"],
  ["CredentialsProviderError", undefined, "CredentialsInvalid", "systemic"],
  ["ExpiredToken", 403, "SessionExpired", "session"],
  ["ExpiredTokenException", 403, "SessionExpired", "session"]
]

describe("classify", () => {
  it.each(facts)("%s (%s) is %s, %s", (code, status, tag, kind) => {
    const error = classify(failure({ code, status, message: "why" }))
    assert.strictEqual(error._tag, tag)
    assert.strictEqual(error.kind, kind)
    assert.strictEqual(error.code, code.replace(/Exception$/, ""))
    assert.strictEqual(error.message, "why")
    assert.strictEqual(error.operation, "AttachUserPolicy")
  })

  it("has a fact for every code of the table", () => {
    const told = new Set(["InvalidClientTokenId", ...facts.map(([code]) => code)])
    assert.deepStrictEqual(
      Object.keys(classByCode).filter((code) => !told.has(code)),
      []
    )
  })

  it.each([
    ["Unknown", 500, "ServiceUnavailable"],
    ["Error", 502, "ServiceUnavailable"],
    ["Unknown", 503, "ServiceUnavailable"],
    ["Unknown", 429, "Throttling"],
    ["SomethingNew", 400, "InvalidRequest"],
    ["SomethingNew", 404, "InvalidRequest"],
    ["SomethingNew", undefined, "Timeout"],
    ["constructor", 400, "InvalidRequest"]
  ] as const)("an unknown code %s with status %s is %s", (code, status, tag) => {
    assert.strictEqual(classify(failure({ code, status }))._tag, tag)
  })

  it("keeps of a message what fits a line, and none of what AWS says should have been signed", () => {
    const message =
      "\nThe request signature we calculated does not match.\n\nThe Canonical String for this request should have been\n'POST\nx-amz-security-token:FwoG"
    const error = classify(failure({ code: "SignatureDoesNotMatch", status: 403, message }))
    assert.strictEqual(error.message, "The request signature we calculated does not match.")
  })

  it.each([
    ["AccessDenied", 403, "AccessDenied"],
    ["RegionDisabled", 403, "InvalidRequest"],
    ["Throttling", 400, "Throttling"]
  ] as const)("%s means the same from STS", (code, status, tag) => {
    assert.strictEqual(classify(failure({ code, status, operation: "AssumeRole" }))._tag, tag)
  })

  it("any 429 is throttling, whatever its code", () => {
    assert.strictEqual(classify(failure({ code: "AccessDenied", status: 429 }))._tag, "Throttling")
  })

  it.each(["Throttling", "ServiceUnavailable"] as const)("%s carries what the server asked to wait", (code) => {
    const told = classify(failure({ code, retryAfter: 3_000 }))
    assert.propertyVal(told, "retryAfter", 3_000)
    assert.notProperty(classify(failure({ code })), "retryAfter")
  })

  it.each(["ExpiredToken", "InvalidClientTokenId"])("%s is about whoever signed the call", (code) => {
    for (const operation of ["AssumeRole", "GetCallerIdentity"]) {
      assert.strictEqual(classify(failure({ code, status: 403, operation }))._tag, "CredentialsInvalid")
    }
    for (const operation of ["AttachUserPolicy", "ListAttachedRolePolicies"]) {
      assert.strictEqual(classify(failure({ code, status: 403, operation }))._tag, "SessionExpired")
    }
  })
})
