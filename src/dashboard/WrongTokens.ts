/** Wrong tokens that one address may present within a minute. */
const allowed = 10

/** Milliseconds. */
const window = 60_000

/** How many addresses are remembered. An attacker with more of them must not fill the worker's memory. */
const manyAddresses = 1_000

/**
 * How often each address presented a wrong token in its last minute. The address is the peer's, since anybody may write
 * `X-Forwarded-For`: those who come through one proxy share it. Times are Unix milliseconds.
 */
export class WrongTokens {
  readonly #addresses = new Map<string, { readonly until: number; count: number }>()

  /** Milliseconds before the address may try again; 0: it may. */
  wait(address: string, now: number): number {
    const known = this.#addresses.get(address)
    return known !== undefined && known.count >= allowed ? Math.max(0, known.until - now) : 0
  }

  count(address: string, now: number): void {
    const known = this.#addresses.get(address)
    if (known !== undefined && known.until > now) {
      known.count++
      return
    }
    // New addresses go to the end, so the first is the oldest.
    this.#addresses.delete(address)
    this.#addresses.set(address, { until: now + window, count: 1 })
    const [oldest] = this.#addresses.keys()
    if (this.#addresses.size > manyAddresses && oldest !== undefined) this.#addresses.delete(oldest)
  }
}
