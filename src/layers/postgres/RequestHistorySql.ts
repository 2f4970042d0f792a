import { Duration, Effect, Exit, Layer } from "effect"
import { SqlClient } from "effect/sql"
import type { MinuteOutcomes, RequestSummary } from "../../domain/History.ts"
import type { RequestRow } from "../../domain/Request.ts"
import { RequestHistory } from "../../services/RequestHistory.ts"
import { readDialect } from "./catalog.ts"
import { historyStatementsFor, type SearchColumn } from "./historyStatements.ts"

interface SummaryRow extends RequestRow {
  readonly correlation_id: string
  readonly status: string | null
  readonly requested_at: number | null
  readonly updated_at: number | null
}

interface FailureRow extends SummaryRow {
  readonly audit_id: string
  readonly failed_at: number
  readonly reason: string
}

const summaryOf = (row: SummaryRow): RequestSummary => ({
  correlationId: row.correlation_id,
  status: row.status ?? "",
  requestedAt: row.requested_at,
  updatedAt: row.updated_at,
  accountId: row.account_id,
  principal: row.principal,
  principalType: row.principal_type,
  action: row.action,
  entitlement: row.entitlement
})

/** `RequestHistory` over PostgreSQL, in either schema. Needs no index but the primary keys, and no connection before it is asked. */
export const RequestHistorySql = Layer.effect(
  RequestHistory,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const statements = yield* readDialect.pipe(
      Effect.map(historyStatementsFor),
      Effect.provideService(SqlClient.SqlClient, sql),
      // With a schema that does not fit, the worker does not start.
      Effect.catchTags({ SchemaError: Effect.die, SchemaUnsupported: Effect.die }),
      Effect.cachedWithTTL((exit) => (Exit.isSuccess(exit) ? Duration.infinity : Duration.zero))
    )

    /** Rows of the audit trail from that time on; in two statements, so that the second is planned for the rows that there really are. */
    const since = <Row extends object>(name: "outcomes" | "failures", millis: number) =>
      Effect.gen(function* () {
        const { firstSince, [name]: statement } = yield* statements
        const time = new Date(millis).toISOString()
        const [first] = yield* sql.unsafe<{ readonly id: string }>(firstSince, [time])
        return yield* sql.unsafe<Row>(statement, [first?.id ?? "0", time])
      })

    const search = Effect.fnUntraced(function* (column: SearchColumn, value: string) {
      const rows = yield* sql.unsafe<SummaryRow>((yield* statements).search(column), [value])
      return rows.map(summaryOf)
    })

    return RequestHistory.of({
      outcomes: (millis) => since<MinuteOutcomes>("outcomes", millis),
      failures: (millis) =>
        Effect.map(since<FailureRow>("failures", millis), (rows) =>
          rows.map((row) => ({
            ...summaryOf(row),
            auditId: row.audit_id,
            failedAt: row.failed_at,
            reason: row.reason
          }))
        ),
      search: (term) => {
        switch (term._tag) {
          case "Request":
            return search("correlation_id", term.correlationId)
          case "Account":
            return search("account_id", term.accountId)
          case "Principal":
            return search("principal", term.principal)
        }
      }
    })
  })
)
