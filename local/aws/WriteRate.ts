interface Bucket {
  tokens: number
  at: number
}

/** A token bucket per account: IAM takes so many writes a second, with a burst of one second's worth. */
export class WriteRate {
  #perSecond: number | undefined
  readonly #buckets = new Map<string, Bucket>()

  /** Writes per second and account; undefined: no limit. All buckets start full. */
  set(perSecond: number | undefined): void {
    this.#perSecond = perSecond
    this.#buckets.clear()
  }

  get perSecond(): number | undefined {
    return this.#perSecond
  }

  /** Takes a token of the account; false when there is none. `now` in milliseconds. */
  take(accountId: string, now: number): boolean {
    if (this.#perSecond === undefined) return true
    const size = Math.max(1, this.#perSecond)
    const bucket = this.#buckets.get(accountId) ?? { tokens: size, at: now }
    this.#buckets.set(accountId, bucket)
    bucket.tokens = Math.min(size, bucket.tokens + (Math.max(0, now - bucket.at) / 1000) * this.#perSecond)
    bucket.at = now
    if (bucket.tokens < 1) return false
    bucket.tokens -= 1
    return true
  }
}
