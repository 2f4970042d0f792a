import { createHmac, timingSafeEqual } from "node:crypto"
import { Redacted } from "effect"

/** Seconds for which a sign-in lasts: a long working day. */
export const sessionSeconds = 12 * 3_600

const equal = (one: Buffer, other: Buffer) => one.length === other.length && timingSafeEqual(one, other)

/**
 * Tells who knows the token, or has a session that was given to somebody who did. A session is the time of its end, signed with a key
 * derived from the token: no replica stores it, every replica can check it, and a new token ends it.
 */
export class Sessions {
  readonly #token: Buffer
  readonly #key: Buffer

  constructor(token: Redacted.Redacted) {
    const hmac = createHmac("sha256", Redacted.value(token))
    this.#key = hmac.update("dashboard session").digest()
    this.#token = this.#digest(Redacted.value(token))
  }

  /** In a time that reveals nothing about the token, not even its length. */
  isToken(attempt: string): boolean {
    return equal(this.#digest(attempt), this.#token)
  }

  /** `now`: Unix milliseconds. */
  issue(now: number): string {
    const end = Math.ceil(now / 1_000 + sessionSeconds).toString(36)
    return `${end}.${this.#digest(end).toString("base64url")}`
  }

  /** `now`: Unix milliseconds. */
  isValid(session: string, now: number): boolean {
    const [end = "", signature = ""] = session.split(".")
    return equal(Buffer.from(signature, "base64url"), this.#digest(end)) && Number.parseInt(end, 36) * 1_000 > now
  }

  #digest(text: string): Buffer {
    return createHmac("sha256", this.#key).update(text).digest()
  }
}
