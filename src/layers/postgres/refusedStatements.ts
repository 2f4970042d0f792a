import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { reasonOf } from "../../domain/reasonOf.ts"
import type { Dialect } from "./catalog.ts"
import { endStatementsFor } from "./endStatements.ts"
import { statementsFor } from "./statements.ts"
import { sweepStatementsFor } from "./sweepStatements.ts"

/** The statements that the worker sends, by what they are for. */
const workerStatements = (dialect: Dialect): Readonly<Record<string, string>> => {
  const { claim, reject, settle, settledBefore } = statementsFor(dialect)
  const { rebuildOrphans, ...sweeping } = sweepStatementsFor(dialect)
  return {
    claim: claim("SKIP LOCKED"),
    settle: settle("SUCCESS", "SKIP LOCKED"),
    settledBefore: settledBefore("SUCCESS"),
    reject,
    ...sweeping,
    ...(dialect.ends && endStatementsFor(dialect)),
    ...(rebuildOrphans !== undefined && { rebuildOrphans })
  }
}

/**
 * Has PostgreSQL plan each statement, which it only does if it would carry the statement out with these tables, types, functions and
 * rights. Nothing is carried out. https://www.postgresql.org/docs/current/sql-explain.html
 */
export const refusedStatements = Effect.fnUntraced(function* (dialect: Dialect) {
  const sql = yield* SqlClient.SqlClient
  const refusals = yield* Effect.forEach(Object.entries(workerStatements(dialect)), ([name, statement]) =>
    sql.unsafe(`EXPLAIN ${statement}`, parametersOf(statement)).pipe(
      Effect.as([]),
      Effect.catchReasons("SqlError", {
        AuthorizationError: (_, error) => Effect.succeed([{ name, reason: reasonOf(error) }]),
        SqlSyntaxError: (_, error) => Effect.succeed([{ name, reason: reasonOf(error) }])
      })
    )
  )
  return refusals.flat()
})

const parametersOf = (statement: string): ReadonlyArray<null> =>
  Array.from(
    { length: Math.max(...Array.from(statement.matchAll(/\$(\d+)/g), ([, number]) => Number(number))) },
    () => null
  )
