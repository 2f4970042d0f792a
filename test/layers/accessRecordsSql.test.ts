import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { expected } from "../../src/domain/Access.ts"
import { endGrace } from "../../src/domain/KeyRecord.ts"
import { AccessRecordsSql } from "../../src/layers/postgres/AccessRecordsSql.ts"
import { AccessRecords } from "../../src/services/AccessRecords.ts"
import { legacyDatabase, ourDatabase } from "../database.ts"

const alice = { accountId: "123456789012", principal: "alice" }

describe("AccessRecords over PostgreSQL", () => {
  it.live("knows what each role may do, and that one for operators may do all that it takes", () =>
    Effect.gen(function* () {
      const { as } = yield* ourDatabase
      const rightsAs = (user: "postgres" | "csb_aws_user" | "csb_api_user") =>
        Effect.flatMap(AccessRecords, ({ rights }) => rights).pipe(
          Effect.provide(AccessRecordsSql.pipe(Layer.provide(as(user)), Layer.fresh))
        )
      const rights = (role: string, reads: boolean, submits: boolean) => ({ role, reads, submits })
      assert.deepEqual(yield* rightsAs("csb_aws_user"), rights("csb_aws_user", true, false))
      assert.deepEqual(yield* rightsAs("csb_api_user"), rights("csb_api_user", false, true))
      assert.deepEqual(yield* rightsAs("postgres"), rights("postgres", true, true))

      yield* Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`GRANT SELECT ON csb_requests_audit TO csb_api_user`
        yield* sql`GRANT INSERT ON csb_requests TO csb_aws_user`
      }).pipe(Effect.provide(as("postgres")))
      assert.deepEqual(yield* rightsAs("csb_api_user"), rights("csb_api_user", true, true))
      // What row-level security restricts to the ends of grants is none.
      assert.deepEqual(yield* rightsAs("csb_aws_user"), rights("csb_aws_user", true, false))
    })
  )

  it.live("knows that a legacy schema does not say enough", () =>
    Effect.gen(function* () {
      const { as } = yield* legacyDatabase
      const { complete } = yield* Effect.provide(
        AccessRecords,
        AccessRecordsSql.pipe(Layer.provide(as("csb_aws_user")))
      )
      assert.isFalse(complete)
    })
  )

  it.live("tells an end that is overdue from one that is due, and rows that say no kind from those that do", () =>
    Effect.gen(function* () {
      const { as } = yield* ourDatabase
      const [grant, end] = [randomUUID(), randomUUID()]
      const admin = <A, E>(run: (sql: SqlClient.SqlClient) => Effect.Effect<A, E>) =>
        Effect.flatMap(SqlClient.SqlClient, run).pipe(Effect.provide(as("postgres")))
      const key = Effect.flatMap(AccessRecords, ({ keysOf }) => keysOf(alice)).pipe(
        Effect.provide(AccessRecordsSql.pipe(Layer.provide(as("csb_aws_user")))),
        Effect.map(([first = assert.fail()]) => first)
      )
      yield* admin(
        (
          sql
        ) => sql`INSERT INTO csb_requests (correlation_id, status, cloud_provider, principal, action, entitlement, account_id,
            principal_type, entitlement_type, duration_minutes, parent_id, not_before, attached_before)
          VALUES (${grant}, 'SUCCESS', 'aws', 'alice', 'add', 'X', '123456789012', 'User', 'default', 5, NULL, NULL, false),
            (${end}, 'PENDING', 'aws', 'alice', 'remove', 'X', '123456789012', 'User', 'default', NULL, ${grant}, now(), NULL)`
      )
      const due = yield* key
      assert.deepInclude(due, { inFlight: true, end: null })
      assert.strictEqual(expected(due.history), "attached")

      yield* admin(
        (sql) =>
          sql`UPDATE csb_requests SET not_before = now() - ${endGrace + 1_000} * interval '1 millisecond' WHERE parent_id IS NOT NULL`
      )
      const overdue = yield* key
      assert.deepInclude(overdue, { inFlight: false, end: { id: end, status: "PENDING" }, endsIn: null, age: Infinity })
      assert.strictEqual(expected(overdue.history), "ended")

      yield* admin((sql) => sql`UPDATE csb_requests SET principal_type = NULL`)
      assert.deepInclude(yield* key, { principalType: null, entitlementType: "default" })
    })
  )
})
