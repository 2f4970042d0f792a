/**
 * Calls per second: the slowest pace. Not every throttling is about the account: if every one slowed it further, those that hit single
 * principals would stop all others. Where AWS takes fewer calls, the jobs' own retries wait longer and longer.
 */
const slowest = 3

/** The factor by which a pace that was too fast is cut. */
const backOff = 0.9

/** Milliseconds without a throttling after which an account is called without limit again; also the longest that AWS can make it wait. */
const forgottenAfter = 60_000

/** Milliseconds over which the calls that AWS carried out are counted. */
const countedOver = 4_000

/** The factor by which a pace grows each second: small, since each time it becomes too fast a call is throttled. */
const growth = 1.03

/**
 * One account's share: how many jobs it may have in flight (its places), and how many calls a second AWS takes from it. IAM tells neither
 * its limit nor when to come back, so both are found by trying, in the manner of TCP (https://www.rfc-editor.org/rfc/rfc5681#section-3.1):
 * places grow by one after as many successes as there are places, and are halved when a call goes unanswered; the pace grows by a few percent
 * a second, and a throttling cuts it to just below what was carried out lately. Times are milliseconds of the monotonic clock.
 */
export class Share {
  inFlight = 0
  readonly #most: number
  #window: number
  /** Calls per second; undefined unless it was throttled lately. */
  #rate: number | undefined
  #nextAt = Number.NEGATIVE_INFINITY
  #slowedAt = Number.NEGATIVE_INFINITY
  #usedAt: number
  #grownAt = Number.NEGATIVE_INFINITY
  #countedFrom: number
  #succeeded = 0

  constructor(most: number, now: number) {
    this.#most = most
    this.#window = most
    this.#countedFrom = now
    this.#usedAt = now
  }

  /** How many jobs may be in flight; of those that wait for their turn, no more than half a second's worth. */
  get places(): number {
    const paced = this.#rate === undefined ? this.#most : Math.ceil(this.#rate / 2) + 1
    return Math.min(Math.floor(this.#window), paced)
  }

  /** Calls per second; undefined unless it was throttled lately. */
  pace(now: number): number | undefined {
    if (now - this.#slowedAt >= forgottenAfter) this.#rate = undefined
    return this.#rate
  }

  isThrottled(now: number): boolean {
    return this.pace(now) !== undefined
  }

  /** Nothing about it is worth remembering any more. */
  isForgettable(now: number): boolean {
    return this.inFlight === 0 && now - Math.max(this.#slowedAt, this.#usedAt) >= forgottenAfter
  }

  /** Whether the next call has to wait for its turn. */
  mustWait(now: number): boolean {
    this.#usedAt = now
    return now < this.#nextAt || this.isThrottled(now)
  }

  /** Takes the next turn; how long its call has to wait for it. */
  takeTurn(now: number): number {
    const at = Math.max(now, this.#nextAt)
    if (this.isThrottled(now) && this.#rate !== undefined) this.#nextAt = at + 1_000 / this.#rate
    return at - now
  }

  succeeded(now: number): void {
    const counted = now - this.#countedFrom
    if (counted > countedOver) {
      this.#succeeded /= 2
      this.#countedFrom += counted / 2
    }
    this.#succeeded++
    this.#window = Math.min(this.#most, this.#window + 1 / this.#window)
    if (this.#rate === undefined) return
    this.#rate *= growth ** (Math.min(1_000, now - this.#grownAt) / 1_000)
    this.#grownAt = now
  }

  /** `sentAt`: a call that was sent before the pace was last slowed down tells nothing new. */
  wasThrottled(now: number, sentAt: number, retryAfter: number): void {
    const carriedOut = this.#succeeded / (Math.max(1_000, now - this.#countedFrom) / 1_000)
    this.#nextAt = Math.max(this.#nextAt, now + Math.min(retryAfter, forgottenAfter))
    if (sentAt < this.#slowedAt) return
    // Nothing was carried out: then nothing is known of the limit, and the jobs' own retries go slower and slower anyway.
    if (carriedOut === 0) return this.wentUnanswered()
    const before = this.#rate ?? carriedOut
    this.#rate = Math.max(slowest, Math.min(before, Math.max(before / 2, carriedOut)) * backOff)
    this.#nextAt = Math.max(this.#nextAt, now + 1_000 / this.#rate)
    this.#slowedAt = now
    this.#grownAt = now
    this.#countedFrom = now
    this.#succeeded = 0
  }

  /** Halves the places: a job that waits for an answer should hold up few others. */
  wentUnanswered(): void {
    this.#window = Math.max(1, this.#window / 2)
  }
}
