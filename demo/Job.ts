import type { PrincipalType } from "../local/aws/Operations.ts"
import type { FaultRule } from "../local/aws/Faults.ts"

export interface AccessRequest {
  readonly accountId: string
  readonly principalType: PrincipalType
  readonly principal: string
  readonly action: "add" | "remove"
  readonly entitlement: string
  readonly entitlementType: "default" | "custom"
}

/** A payload, or what somebody made of it. */
export type Payload = Readonly<Record<string, string | number | null>>

/** What became of a job, everywhere that it left a trace. */
export interface Outcome {
  /** Of the row; `no row` if there is none. */
  readonly status: string
  /** From the last line of the audit trail: how it succeeded, or why it failed. */
  readonly reason: string
  /** How often it was claimed. */
  readonly deliveries: number
  /** The reasons of the dead letters that hold its bytes. */
  readonly deadLetter: string
  /** AWS request ids that were recorded. */
  readonly references: number
  /** Attach and detach calls that AWS carried out. */
  readonly carriedOut: number
  /** What is attached to the principal in the end. */
  readonly policies: ReadonlyArray<string>
  /** Whether the API's cached status still stands. */
  readonly cached: boolean
}

/** What the API does for a job. */
export interface Submission {
  /** Its correlation id. */
  readonly id: string
  readonly request: AccessRequest
  /** The bytes that are pushed. */
  readonly payload: Uint8Array
  /** How often they are pushed. */
  readonly pushes: number
  /** Whether the API writes a row. */
  readonly requested: boolean
}

/** One job of the demo. */
export interface Job extends Submission {
  readonly kind: string
  readonly principalExists: boolean
  /** What is attached to the principal beforehand. */
  readonly attached: ReadonlyArray<string>
  readonly faults: ReadonlyArray<FaultRule>
  readonly expected: Outcome
}
