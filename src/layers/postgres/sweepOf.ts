import { Duration, Effect, Option } from "effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { JobStore, Recovered, Standing } from "../../services/JobStore.ts"
import type { Dialect } from "./catalog.ts"
import { sweepStatementsFor } from "./sweepStatements.ts"
import { timestamp } from "./timestamp.ts"

interface RecoverAnswer {
  /** Whether it is this worker's turn to sweep. */
  readonly ours: boolean
  /** Null: nothing was lost. */
  readonly correlation_id: string | null
  readonly failed: boolean | null
}

interface StandingAnswer {
  readonly correlation_id: string
  readonly status: string
  readonly lost_too_many: boolean
}

/** The part of `JobStore` that keeps leases, and finds what has no worker or no job any more. */
export const sweepOf = (
  sql: SqlClient,
  dialect: Dialect,
  standingOf: (label: string) => Standing["status"]
): Pick<JobStore["Service"], "heartbeat" | "recover" | "standings" | "oldestOf" | "orphans"> => {
  const sweeping = sweepStatementsFor(dialect)
  return {
    heartbeat: (claims) =>
      Effect.map(
        sql.unsafe<{ readonly token: bigint }>(sweeping.heartbeat, [
          claims.map(({ correlationId }) => correlationId),
          claims.map(({ token }) => token)
        ]),
        (touched) => touched.map((it) => it.token)
      ),

    recover: Effect.fnUntraced(function* (lease, maxLosses) {
      const answers = yield* sql.unsafe<RecoverAnswer>(sweeping.recover, [Duration.toMillis(lease), maxLosses])
      if (answers.some(({ ours }) => !ours)) return Option.none()
      return Option.some(
        answers.flatMap(({ correlation_id: correlationId, failed }): ReadonlyArray<Recovered> =>
          correlationId === null ? [] : [{ correlationId, status: failed === true ? "FAILED" : "PENDING" }]
        )
      )
    }),

    standings: (ids) =>
      Effect.map(sql.unsafe<StandingAnswer>(sweeping.standings, [ids]), (answers) =>
        answers.map(({ correlation_id, lost_too_many, status }) => ({
          correlationId: correlation_id,
          status: standingOf(status),
          lostTooMany: lost_too_many
        }))
      ),

    oldestOf: (ids) =>
      Effect.map(sql.unsafe<{ readonly oldest: number | null }>(sweeping.oldestOf, [ids]), ([answer]) =>
        Option.fromNullishOr(answer?.oldest)
      ),

    orphans: Effect.fnUntraced(function* (before) {
      const rebuilt =
        sweeping.rebuildOrphans === undefined
          ? []
          : yield* sql.unsafe<{ readonly payload: string }>(sweeping.rebuildOrphans, [timestamp(before)])
      const [left] = yield* sql.unsafe<{ readonly orphans: number }>(sweeping.countOrphans, [timestamp(before)])
      return { rebuilt: rebuilt.map(({ payload }) => payload), left: left?.orphans ?? 0 }
    })
  }
}
