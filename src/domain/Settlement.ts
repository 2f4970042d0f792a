import { Data, Option, Schema } from "effect"
import type { AwsError } from "./AwsError.ts"
import type { PolicyForbidden } from "./Guardrail.ts"
import type { Status } from "./Request.ts"

/** The worker refuses the job without calling AWS. */
export class JobRejected extends Schema.TaggedError<JobRejected>()("JobRejected", {
  code: Schema.Literals(["PayloadMismatch", "DurationUnsupported"]),
  message: Schema.String
}) {
  readonly kind = "permanent"
}

/** The worker must not go on with the job now, through no fault of the job. */
export class NotNow extends Schema.TaggedError<NotNow>()("NotNow", {
  code: Schema.Literals(["LeaseOver", "OneAtATime"]),
  message: Schema.String
}) {
  readonly kind = "not now"
}

/** A fault in the worker's own code. Another delivery may meet a fixed worker. */
export class WorkerDefect extends Schema.TaggedError<WorkerDefect>()("WorkerDefect", { message: Schema.String }) {
  readonly code = "WorkerDefect"
  readonly kind = "transient"
}

export type JobError = AwsError | JobRejected | NotNow | PolicyForbidden | WorkerDefect

/** How a policy came to be as the request wants it. */
export type Effected =
  /** AWS carried the call out. */
  | "applied"
  /** AWS answered that there is nothing to detach, and the list of attachments confirms it. */
  | "already so"
  /** The call's own answer was lost; the list of attachments shows its effect. */
  | "found so"
  /** The end of a grant whose policy must stay attached, for the reason that follows. AWS was not called. */
  | `${typeof leftAsItIs}${string}`

export const leftAsItIs = "left as it is: "

/** How a claim ends. */
export type Settlement = Data.TaggedEnum<{
  Succeeded: { readonly requestId: Option.Option<string>; readonly effected: Effected }
  Failed: { readonly error: JobError }
  /** The delivery ended transiently; another follows. */
  Requeued: { readonly error: JobError; readonly delivery: number }
  /** The delivery does not count: its worker is stopping, cannot work, or must not work on this job just now. */
  Released: { readonly reason: string; readonly until: "next" | "later" }
}>
export const Settlement = Data.taggedEnum<Settlement>()

/** Where a settlement leaves the request. */
export const statusAfter = (settlement: Settlement): Exclude<Status, "IN_PROGRESS"> =>
  settlement._tag === "Succeeded" ? "SUCCESS" : settlement._tag === "Failed" ? "FAILED" : "PENDING"

/** How the audit row of a claim ends; the delivery's number comes before it. */
export const claimedBy = (workerId: string, take: string): string => `, claimed by ${workerId} (take ${take})`

/** PostgreSQL's LIKE pattern for the audit rows that count as a delivery that ended transiently. */
export const countedDelivery = "Delivery % ended transiently: %"

/** The audit row of a request whose worker was lost, and the LIKE pattern for such rows. */
export const recoveredLog = "Recovered from a lost worker, not counted as a delivery"
export const countedLoss = "Recovered from a lost worker%"

/** LIKE patterns for the audit rows after which AWS may have carried out a call that the trail does not show. */
export const doubtLogs = [
  countedLoss,
  "Given back%",
  "%, outcome unknown",
  "Delivery % ended transiently: WorkerDefect: %"
]

/** LIKE pattern for the audit rows of requests that succeeded without any effect. */
export const isLeftAsItIs = `Policy ${leftAsItIs}%`

/** Whether AWS may have carried out this claim's call although it failed. */
export const isInDoubt = (settlement: Settlement): boolean =>
  settlement._tag === "Failed" && (settlement.error._tag === "Timeout" || settlement.error._tag === "WorkerDefect")

/** A job that this many workers held when they were lost may be what killed them. */
export const maxLosses = 3
export const lostTooManyLog = `WorkerLost: ${maxLosses} workers were lost while they had this job`

/** LIKE patterns for the audit rows of failed requests that AWS may have carried out all the same, whether or not they were retried. */
export const failedInDoubt = [...doubtLogs, lostTooManyLog, "%WorkerDefect: %"]

/** The audit row's text. */
export const auditLog = (settlement: Settlement): string => printable(describe(settlement))

const describe: (settlement: Settlement) => string = Settlement.$match({
  Succeeded: ({ effected, requestId }) =>
    `Policy ${effected}${Option.match(requestId, { onNone: () => "", onSome: (id) => `, AWS request ${id}` })}`,
  Failed: ({ error }) => describeError(error),
  Requeued: ({ delivery, error }) => `Delivery ${delivery} ended transiently: ${describeError(error)}`,
  Released: ({ reason }) => `Given back, not counted as a delivery: ${reason}`
})

const describeError = (error: JobError): string =>
  `${error.code}: ${error.message}${"operation" in error ? ` (${error.operation})` : ""}${error._tag === "Timeout" ? ", outcome unknown" : ""}`

/**
 * PostgreSQL's text cannot hold a NUL, and words from AWS, a payload or Redis must not break an audit row or a log line, nor forge what a
 * terminal shows of them.
 */
export const printable = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ").slice(0, 4_000)
