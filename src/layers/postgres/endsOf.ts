import { Effect, Option } from "effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { Change } from "../../domain/Access.ts"
import type { JobStore } from "../../services/JobStore.ts"
import type { Dialect } from "./catalog.ts"
import { endStatementsFor } from "./endStatements.ts"
import { timestamp } from "./timestamp.ts"

type ChangeAnswer =
  | { readonly granted: false; readonly id: string; readonly age: number }
  | {
      readonly granted: true
      readonly id: string
      readonly attached: boolean
      readonly holds: "for good" | "until its end" | "no more"
    }

/** The part of `JobStore` that is about access that ends. */
export const endsOf = (
  sql: SqlClient,
  dialect: Dialect
): Pick<JobStore["Service"], "endsAccess" | "noteBefore" | "history" | "due"> => {
  const ending = endStatementsFor(dialect)
  return {
    endsAccess: dialect.ends,

    noteBefore: ({ correlationId, token }, attached) =>
      Effect.map(sql.unsafe(ending.noteBefore, [correlationId, token, attached]), (noted) => noted.length > 0),

    history: ({ correlationId }) =>
      dialect.ends
        ? Effect.map(sql.unsafe<ChangeAnswer>(ending.history, [correlationId]), (changes) =>
            changes.map((it): Change =>
              it.granted
                ? { _tag: "Granted", id: it.id, holds: it.holds, attached: it.attached }
                : { _tag: "Detached", id: it.id, age: it.age }
            )
          )
        : Effect.succeed([]),

    due: Effect.fnUntraced(function* (before) {
      if (!dialect.ends) return { payloads: [], next: Option.none() }
      const due = yield* sql.unsafe<{ readonly payload: string }>(ending.due, [timestamp(before)])
      const [next] = yield* sql.unsafe<{ readonly millis: number }>(ending.nextDue)
      return { payloads: due.map(({ payload }) => payload), next: Option.fromUndefinedOr(next?.millis) }
    })
  }
}
