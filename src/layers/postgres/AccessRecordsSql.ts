import { Array, Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import type { Change, InDoubt } from "../../domain/Access.ts"
import type { KeyRecord } from "../../domain/KeyRecord.ts"
import { AccessRecords, type NamedPrincipal, type RecordRights } from "../../services/AccessRecords.ts"
import { readDialect } from "./catalog.ts"
import { recordStatementsFor } from "./recordStatements.ts"

interface ChangeAnswer {
  readonly entitlement: string
  readonly principal_type: string | null
  readonly entitlement_type: string | null
  readonly kind: "for good" | "until its end" | "no more" | "detached" | "add" | "remove"
  readonly attached: boolean
  readonly id: string
  /** Milliseconds; null: the row does not say when. */
  readonly age: number | null
  readonly ends_in: number | null
  readonly end_id: string | null
  readonly end_waits: boolean
  readonly in_flight: boolean
}

const changeOf = ({ age, attached, id, kind }: ChangeAnswer): Change | InDoubt => {
  switch (kind) {
    case "detached":
      return { _tag: "Detached", id, age: age ?? Number.POSITIVE_INFINITY }
    case "add":
    case "remove":
      return { _tag: "InDoubt", id, action: kind }
    default:
      return { _tag: "Granted", id, holds: kind, attached }
  }
}

const keyOf = ({ entitlement, entitlement_type, principal_type }: ChangeAnswer) =>
  JSON.stringify([entitlement, principal_type, entitlement_type])

const recordOf = (answers: ReadonlyArray<ChangeAnswer>): ReadonlyArray<KeyRecord> =>
  answers.slice(0, 1).map((it) => {
    const end = answers.find(({ end_waits }) => end_waits) ?? answers.findLast(({ end_id }) => end_id !== null)
    const ends = answers.flatMap(({ ends_in }) => ends_in ?? [])
    return {
      principalType: it.principal_type,
      entitlementType: it.entitlement_type,
      entitlement: it.entitlement,
      history: answers.map(changeOf),
      age: Math.min(...answers.map(({ age }) => age ?? Number.POSITIVE_INFINITY)),
      inFlight: it.in_flight,
      endsIn: ends.length === 0 ? null : Math.max(...ends),
      end:
        end === undefined || end.end_id === null
          ? null
          : { id: end.end_id, status: end.end_waits ? "PENDING" : "FAILED" }
    }
  })

/** `AccessRecords` over PostgreSQL. */
export const AccessRecordsSql = Layer.effect(
  AccessRecords,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const dialect = yield* readDialect
    const statements = recordStatementsFor(dialect)
    return AccessRecords.of({
      complete: dialect.tellsHistory,

      rights: Effect.flatMap(sql.unsafe<RecordRights>(statements.rights), ([rights]) =>
        Effect.fromNullishOr(rights)
      ).pipe(Effect.catchTag("NoSuchElementError", Effect.die)),

      principals: ({ accountId, behind }) => {
        const after = Option.match(behind, {
          onNone: () => [],
          onSome: (it) => [it.accountId, ...Option.toArray(it.principal)]
        })
        const from = (["nothing", "account", "principal"] as const)[after.length] ?? "nothing"
        return sql.unsafe<NamedPrincipal>(statements.principals(from, Option.isSome(accountId)), [
          ...after,
          ...Option.toArray(accountId)
        ])
      },

      keysOf: ({ accountId, principal }) =>
        Effect.map(sql.unsafe<ChangeAnswer>(statements.keysOf, [accountId, principal]), (answers) =>
          Object.values(Array.groupBy(answers, keyOf)).flatMap(recordOf)
        ),

      isSpelledOtherwise: ({ accountId, principal, principalType }) =>
        Effect.map(
          sql.unsafe(statements.otherSpelling, [accountId, principal, principalType]),
          (spellings) => spellings.length > 0
        )
    })
  })
)
