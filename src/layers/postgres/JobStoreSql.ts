import { Duration, Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { submittedLog } from "../../domain/Intervention.ts"
import type { Job } from "../../domain/Job.ts"
import type { AccountCount, RequestRow } from "../../domain/Request.ts"
import { auditLog, claimedBy, isInDoubt, statusAfter } from "../../domain/Settlement.ts"
import { type Claimant, ClaimResult, JobStore, RetryResult, type Waiting } from "../../services/JobStore.ts"
import { readDialect } from "./catalog.ts"
import { endsOf } from "./endsOf.ts"
import { findRequest } from "./findRequest.ts"
import { batched } from "./batched.ts"
import { operatorStatementsFor } from "./operatorStatements.ts"
import { statementsFor, type WhenLocked } from "./statements.ts"
import { sweepOf } from "./sweepOf.ts"
import { timestamp } from "./timestamp.ts"

interface ClaimAnswer extends RequestRow {
  readonly correlation_id: string
  /** The label that stood before. */
  readonly seen: string
  readonly delivery: number
  readonly losses: number
  readonly doubtful: boolean
  readonly early: boolean
  readonly grant_id: string | null
  readonly attached_before: boolean | null
  /** Milliseconds; null for what has no time. */
  readonly overdue: number | null
  /** Requests on the same key that come first. */
  readonly ahead: number
  /** Null: not claimed. */
  readonly token: bigint | null
}

/** What both a row and a payload say about a request. */
const detailsOf = ({
  account_id,
  action,
  duration_minutes,
  entitlement,
  entitlement_type,
  principal,
  principal_type
}: RequestRow | Job) => ({
  principal,
  action,
  entitlement,
  account_id,
  principal_type,
  entitlement_type,
  duration_minutes: duration_minutes ?? null
})

interface ClaimAsked {
  readonly job: Job
  readonly claimant: Claimant
  readonly waiting: Waiting
}

interface SettleAsked {
  readonly id: string
  /** In decimal, which JSON can carry. */
  readonly token: string
  readonly log: string
  readonly reference: string | null
  readonly doubtful: boolean
}

interface RetryAnswer {
  /** The label that stood before. */
  readonly seen: string
  readonly retried: boolean
  /** A later request on the same key that was carried out or is in progress; null: there is none. */
  readonly later: string | null
  readonly later_status: string
}

const statuses = ["PENDING", "IN_PROGRESS", "SUCCESS", "FAILED"] as const

/** `JobStore` over PostgreSQL, in either schema: labels and columns are read from the catalog when it is built. */
export const JobStoreSql = Layer.effect(
  JobStore,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const dialect = yield* readDialect
    const { labels, optional } = dialect
    const statements = statementsFor(dialect)
    const operating = operatorStatementsFor(dialect)
    const standingOf = (label: string) => statuses.find((it) => labels[it] === label) ?? "other"

    const details = (job: Job) => [
      job.principal,
      job.action,
      job.entitlement,
      job.account_id,
      ...optional.map((column) => job[column] ?? null)
    ]

    const claiming = (whenLocked: WhenLocked) => {
      const statement = statements.claim(whenLocked)
      return (asked: ReadonlyArray<ClaimAsked>) =>
        sql.unsafe<ClaimAnswer>(statement, [
          JSON.stringify(
            asked.map(({ claimant, job }) => ({
              ...detailsOf(job),
              id: job.correlation_id,
              claimant: claimedBy(claimant.workerId, claimant.take)
            }))
          ),
          timestamp(Math.min(...asked.map(({ waiting }) => waiting.orphansBefore))),
          Math.min(...asked.map(({ waiting }) => Duration.toMillis(waiting.keepFresh)))
        ])
    }
    const claimMany = claiming("SKIP LOCKED")
    const claimOne = claiming("")
    /** Pending, but not claimed: another statement holds the row, or held it in the meantime. */
    const undecided = ({ ahead, early, seen, token }: ClaimAnswer) =>
      token === null && seen === labels.PENDING && ahead === 0 && !early
    const claim = yield* batched<ClaimAsked, Option.Option<ClaimAnswer>>({
      id: ({ job }) => job.correlation_id.toLowerCase(),
      together: (asked) =>
        Effect.map(
          claimMany(asked),
          (answers) =>
            new Map(
              answers
                .filter((answer) => !undecided(answer))
                .map((answer) => [answer.correlation_id, Option.some(answer)])
            )
        ),
      alone: Effect.fnUntraced(function* (asked) {
        let [answer] = yield* claimOne([asked])
        // This statement's snapshot does not show what the other one did; that may even have been this same claim, sent before, whose
        // answer was lost. A new snapshot shows it.
        while (answer !== undefined && undecided(answer)) {
          ;[answer] = yield* claimOne([asked])
        }
        return Option.fromUndefinedOr(answer)
      })
    })

    const settling = Effect.fnUntraced(function* (status: "PENDING" | "SUCCESS" | "FAILED") {
      const [many, one] = [statements.settle(status, "SKIP LOCKED"), statements.settle(status, "")]
      const settledBefore = statements.settledBefore(status)
      const settle = (statement: string, asked: ReadonlyArray<SettleAsked>) =>
        sql.unsafe<{ readonly correlation_id: string }>(statement, [JSON.stringify(asked)])
      return yield* batched<SettleAsked, boolean>({
        id: ({ id }) => id.toLowerCase(),
        together: (asked) =>
          Effect.map(settle(many, asked), (settled) => new Map(settled.map((it) => [it.correlation_id, true]))),
        alone: Effect.fnUntraced(function* (asked) {
          const [settled] = yield* settle(one, [asked])
          if (settled !== undefined) return true

          // Either the claim is lost, or this was sent before and its answer was lost.
          const [before] = yield* sql.unsafe(settledBefore, [asked.id, asked.token, asked.log])
          return before !== undefined
        })
      })
    })
    const settleAs = {
      PENDING: yield* settling("PENDING"),
      SUCCESS: yield* settling("SUCCESS"),
      FAILED: yield* settling("FAILED")
    }

    return JobStore.of({
      claim: (job, claimant, waiting) =>
        Effect.map(
          claim({ job, claimant, waiting }),
          Option.map((answer) => {
            const { ahead, attached_before, delivery, doubtful, early, grant_id, losses, overdue, seen, token } = answer
            if (token !== null) {
              const correlationId = job.correlation_id
              return ClaimResult.Claimed({
                claim: {
                  correlationId,
                  token,
                  delivery,
                  losses,
                  doubtful,
                  row: detailsOf(answer),
                  ends: grant_id === null ? null : { grantId: grant_id, overdue: overdue ?? 0 },
                  attachedBefore: attached_before
                }
              })
            }
            if (seen !== labels.PENDING) return ClaimResult.NotPending({ status: seen })
            return early ? ClaimResult.Early() : ClaimResult.Blocked({ ahead })
          })
        ),

      settle: ({ correlationId, doubtful, token }, settlement) =>
        settleAs[statusAfter(settlement)]({
          id: correlationId,
          token: String(token),
          log: auditLog(settlement),
          reference: settlement._tag === "Succeeded" ? Option.getOrNull(settlement.requestId) : null,
          doubtful: doubtful || isInDoubt(settlement)
        }),

      ...endsOf(sql, dialect),
      ...sweepOf(sql, dialect, standingOf),

      reject: Effect.fnUntraced(function* (id, log) {
        const [answer] = yield* sql.unsafe<{ readonly seen: string }>(statements.reject, [id, log])
        return Option.fromUndefinedOr(answer?.seen)
      }),

      submit: (job, intervention) =>
        Effect.asVoid(
          sql.unsafe(statements.submit, [
            job.correlation_id,
            job.client_request_id ?? null,
            submittedLog(intervention),
            ...details(job)
          ])
        ),

      retry: Effect.fnUntraced(function* (id, log) {
        const [answer] = yield* sql.unsafe<RetryAnswer>(operating.retry, [id, log])
        return Option.map(Option.fromUndefinedOr(answer), ({ later, later_status, retried, seen }) => {
          if (retried) return RetryResult.Retried()
          if (later !== null) return RetryResult.Overtaken({ by: later, status: later_status })
          // FAILED when the statement looked, but no longer when it came to change it: somebody else was faster.
          return RetryResult.NotFailed({ status: seen === labels.FAILED ? labels.PENDING : seen })
        })
      }),

      inFlight: sql.unsafe<AccountCount>(operating.inFlight),

      find: findRequest(sql, dialect, statements.columns, standingOf),
      ping: Effect.asVoid(sql`SELECT 1`)
    })
  })
)
