import type { Failure, MinuteOutcomes, RequestSummary } from "./History.ts"
import type { AccountCount } from "./Request.ts"

// What the dashboard shows, as JSON. Times are Unix milliseconds.

/** What was read, or a sentence that says why it could not be. */
export type Part<A> = { readonly value: A } | { readonly problem: string }

/** The replica that answers. */
export interface Replica {
  readonly workerId: string
  readonly phase: "starting" | "running" | "draining" | "stopped"
  /** Why it takes no jobs, if it does not. */
  readonly fetchFault: string | null
  readonly credentialsFault: string | null
}

export interface RecentHistory {
  /** The last sixty minutes, including those without any outcome, the oldest first. */
  readonly minutes: ReadonlyArray<MinuteOutcomes>
  /** In the last 24 hours, the newest first. */
  readonly failures: ReadonlyArray<Failure>
}

export interface QueueView {
  readonly depth: number
  /** When the producer took the request that is next in line. */
  readonly oldestReceivedAt: number | null
  readonly delayed: number
  readonly deadLetters: number
  readonly parked: ReadonlyArray<AccountCount>
  /** What an operator paused: `all`, or an account. */
  readonly pauses: ReadonlyArray<{
    readonly scope: string
    readonly by: string
    readonly why: string
    readonly at: number
  }>
  /** Until when each counts as alive unless it announces itself again, and how many payloads it holds. */
  readonly workers: ReadonlyArray<{ readonly workerId: string; readonly aliveUntil: number; readonly held: number }>
}

export interface Overview {
  readonly now: number
  readonly replica: Replica
  readonly queue: Part<QueueView>
  readonly inFlight: Part<ReadonlyArray<AccountCount>>
  readonly history: Part<RecentHistory>
  /** Of the replica that answers; calls per second. */
  readonly throttled: ReadonlyArray<{ readonly accountId: string; readonly callsPerSecond: number }>
}

/** A request with all that is known about it. */
export interface RequestDetails extends RequestSummary {
  readonly entitlementType: string | null
  readonly durationMinutes: number | null
  readonly audit: ReadonlyArray<{ readonly status: string; readonly at: number | null; readonly log: string }>
  /** AWS's ids of the calls. */
  readonly references: ReadonlyArray<string>
}

export interface DeadLetterView {
  readonly id: string
  readonly reason: string
  readonly message: string
  readonly correlationId: string | null
  readonly workerId: string | null
  readonly failedAt: number | null
  /** As text, or in base64 what is not UTF-8. */
  readonly payload: string
  readonly isText: boolean
}
