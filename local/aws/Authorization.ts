import { type AwsFailure, failure } from "./Errors.ts"

/** A signature as the caller states it. */
export interface StatedSignature {
  readonly accessKeyId: string
  /** The credential scope's day, `YYYYMMDD`. */
  readonly day: string
  readonly region: string
  readonly service: string
  readonly terminator: string
  /** Names in lower case, joined by `;`. */
  readonly signedHeaders: string
  readonly signature: string
  /** `X-Amz-Date` as it was sent, and in milliseconds since the epoch. */
  readonly date: string
  readonly signedAt: number
}

const algorithm = "AWS4-HMAC-SHA256"

const incomplete = (message: string): AwsFailure => failure("IncompleteSignature", message)

const parseParts = (text: string): Map<string, string> | AwsFailure => {
  const parts = new Map<string, string>()
  for (const part of text.slice(algorithm.length).split(",")) {
    const at = part.indexOf("=")
    if (at < 0) {
      return incomplete(
        `'${part.trim()}' not a valid key=value pair (missing equal-sign) in Authorization header: '${text}'.`
      )
    }
    parts.set(part.slice(0, at).trim(), part.slice(at + 1).trim())
  }
  return parts
}

/** `20261124T103715Z` in milliseconds since the epoch; NaN when it is not of this form. */
const parseDate = (date: string): number => {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date) ?? []
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
}

/** Takes `Authorization` and `X-Amz-Date` apart; IncompleteSignature when they are not what SigV4 says. */
export const parseAuthorization = (text: string, date: string | undefined): StatedSignature | AwsFailure => {
  if (!text.startsWith(`${algorithm} `)) {
    return incomplete(`Unsupported AWS 'algorithm': '${text.split(" ", 1).join("")}'.`)
  }
  const parts = parseParts(text)
  if (!(parts instanceof Map)) return parts
  const scope = parts.get("Credential")
  const signature = parts.get("Signature")
  const signedHeaders = parts.get("SignedHeaders")
  if (scope === undefined || signature === undefined || signedHeaders === undefined || date === undefined) {
    const missing = ["Credential", "Signature", "SignedHeaders"]
      .filter((name) => !parts.has(name))
      .map((name) => `Authorization header requires '${name}' parameter. `)
    if (date === undefined) {
      missing.push("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
    }
    return incomplete(`${missing.join("")}Authorization=${text}`)
  }

  const [accessKeyId, day, region, service, terminator, ...more] = scope.split("/")
  if (
    accessKeyId === undefined ||
    day === undefined ||
    region === undefined ||
    service === undefined ||
    terminator === undefined ||
    more.length > 0
  ) {
    return incomplete(
      `Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '${scope}'`
    )
  }
  const signedAt = parseDate(date)
  return Number.isNaN(signedAt)
    ? incomplete(`Date must be in ISO-8601 'basic format'. Got '${date}'. See http://en.wikipedia.org/wiki/ISO_8601`)
    : { accessKeyId, day, region, service, terminator, signedHeaders, signature, date, signedAt }
}
