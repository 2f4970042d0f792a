/** One call that this AWS received. */
export interface CallRecord {
  /** The `Action` of the call, also when this AWS does not know it. */
  readonly operation: string
  /** AssumeRole: the account of the role. Else the caller's account; undefined when the keys are unknown. */
  readonly accountId: string | undefined
  /** The user or role that an IAM call is about, or the role to assume. */
  readonly principal: string | undefined
  readonly policyArn: string | undefined
  /** Of AssumeRole, or of the session that made an IAM call. */
  readonly roleSessionName: string | undefined
  /** `ok`, the error's code, or the kind of the fault that kept the answer back (`hang`, `resetAfter`, `html` …). */
  readonly outcome: string
  readonly requestId: string
  /** Milliseconds since the epoch, by this AWS's clock. */
  readonly at: number
}

/** Which calls to look at. A field left out matches every call; principals match without regard to case. */
export interface CallFilter {
  readonly operation?: string
  readonly accountId?: string
  readonly principal?: string
  readonly outcome?: string
}

/** Whether a call is one of those that the filter asks for. */
export const matchesCall = (filter: CallFilter, call: Omit<CallRecord, "requestId" | "at">): boolean =>
  (filter.operation === undefined || filter.operation === call.operation) &&
  (filter.accountId === undefined || filter.accountId === call.accountId) &&
  (filter.outcome === undefined || filter.outcome === call.outcome) &&
  (filter.principal === undefined || filter.principal.toLowerCase() === call.principal?.toLowerCase())

/** The last calls, and how many there were of each kind since the start. */
export class CallLog {
  readonly #capacity: number
  readonly #listeners = new Set<(call: CallRecord) => void>()
  #ring: Array<CallRecord> = []
  #next = 0
  #counters = new Map<string, Map<string, number>>()

  /** `capacity`: how many calls are kept before the oldest is dropped. */
  constructor(capacity: number) {
    this.#capacity = capacity
  }

  record(call: CallRecord): void {
    this.#ring[this.#next] = call
    this.#next = (this.#next + 1) % this.#capacity
    let outcomes = this.#counters.get(call.operation)
    if (outcomes === undefined) {
      outcomes = new Map()
      this.#counters.set(call.operation, outcomes)
    }
    outcomes.set(call.outcome, (outcomes.get(call.outcome) ?? 0) + 1)
    for (const listener of this.#listeners) listener(call)
  }

  /** The calls still kept, oldest first. */
  list(filter: CallFilter = {}): ReadonlyArray<CallRecord> {
    // The slot to be written next holds the oldest call once the ring is full.
    const oldestFirst = this.#ring.slice(this.#next).concat(this.#ring.slice(0, this.#next))
    const ordered = this.#ring.length < this.#capacity ? this.#ring : oldestFirst
    return ordered.filter((call) => matchesCall(filter, call))
  }

  /** How many of the calls still kept match. */
  count(filter: CallFilter = {}): number {
    return this.list(filter).length
  }

  /** Calls since the start, by operation and outcome, however many are still kept. */
  counters(): Record<string, Record<string, number>> {
    return Object.fromEntries(
      Array.from(this.#counters, ([operation, outcomes]) => [operation, Object.fromEntries(outcomes)])
    )
  }

  /** Forgets every call and counter. */
  clear(): void {
    this.#ring = []
    this.#next = 0
    this.#counters = new Map()
  }

  /** Tells of each call from now on, until the returned function is called. */
  subscribe(listener: (call: CallRecord) => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }
}
