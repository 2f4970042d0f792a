import type { Credential } from "./Credentials.ts"
import type { OperationSpec } from "./Operations.ts"

/** A call whose signature was verified. */
export interface Call {
  readonly spec: OperationSpec
  readonly params: URLSearchParams
  readonly credential: Credential
  /** Of the signing region: `aws`, `aws-cn`, `aws-us-gov`. */
  readonly partition: string
  /** Milliseconds since the epoch, by this AWS's clock. */
  readonly now: number
}
