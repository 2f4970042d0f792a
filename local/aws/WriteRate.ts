interface Bucket {
  tokens: number
  at: number
}

/** A token bucket per account: IAM takes so many writes a second, with a burst of one second's worth. */
export class WriteRate {
  #perSecond: number | undefined
  readonly #perSecondOf = new Map<string, number>()
  readonly #buckets = new Map<string, Bucket>()

  /** Writes per second and account; undefined: no limit. All buckets start full, and no account has a rate of its own any more. */
  set(perSecond: number | undefined): void {
    this.#perSecond = perSecond
    this.#perSecondOf.clear()
    this.#buckets.clear()
  }

  /** Writes per second of this account alone, whose bucket starts full; undefined: as for the others. */
  setFor(accountId: string, perSecond: number | undefined): void {
    if (perSecond === undefined) this.#perSecondOf.delete(accountId)
    else this.#perSecondOf.set(accountId, perSecond)
    this.#buckets.delete(accountId)
  }

  get perSecond(): number | undefined {
    return this.#perSecond
  }

  /** Takes a token of the account; false when there is none. `now` in milliseconds. */
  take(accountId: string, now: number): boolean {
    const perSecond = this.#perSecondOf.get(accountId) ?? this.#perSecond
    if (perSecond === undefined) return true
    const size = Math.max(1, perSecond)
    const bucket = this.#buckets.get(accountId) ?? { tokens: size, at: now }
    this.#buckets.set(accountId, bucket)
    bucket.tokens = Math.min(size, bucket.tokens + (Math.max(0, now - bucket.at) / 1000) * perSecond)
    bucket.at = now
    if (bucket.tokens < 1) return false
    bucket.tokens -= 1
    return true
  }
}
