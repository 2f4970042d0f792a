import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { readDialect } from "../../src/layers/postgres/catalog.ts"
import { historyStatementsFor } from "../../src/layers/postgres/historyStatements.ts"
import { RequestHistorySql } from "../../src/layers/postgres/RequestHistorySql.ts"
import { RequestHistory } from "../../src/services/RequestHistory.ts"
import { legacyDatabase, ourDatabase } from "../database.ts"

/** Audit rows over two days, one for each half minute, with gaps among their ids and times that are out of order by seconds. */
const rows = 5_760

const fill = (prefix: string, success: string) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const table = (name: string) => sql.literal(`${prefix}${name}`)
    yield* sql`INSERT INTO ${table("csb_requests")}
      (correlation_id, status, cloud_provider, principal, action, entitlement, account_id)
      SELECT md5(cloud)::uuid, ${sql.literal(`'${success}'`)}, cloud, 'alice', 'add', 'ReadOnlyAccess', '123456789012'
      FROM unnest(ARRAY['aws', 'azure']) AS cloud`
    // Whose trigger gives ids without gaps.
    yield* sql`ALTER TABLE ${table("csb_requests_audit")} DISABLE TRIGGER USER, DROP CONSTRAINT IF EXISTS csb_requests_audit_chained`
    yield* sql`INSERT INTO ${table("csb_requests_audit")} (audit_id, correlation_id, status, audit_timestamp, audit_log)
      SELECT 1000 * n + n * n % 997, md5('aws')::uuid, ${sql.literal(`'${success}'`)},
        now() - (${rows}::int - n) * interval '30 seconds' + n * 7919 % 40 * interval '1 second', 'Policy applied'
      FROM generate_series(1, ${rows}::int) AS n`
  })

describe.each([
  ["our schema", ourDatabase, "csb_app.", "SUCCESS"],
  ["the legacy schema", legacyDatabase, "", "success"]
] as const)("RequestHistory in %s", (_, database, prefix, success) => {
  it.live("counts what a look at every row would count, and looks at few others", () =>
    Effect.gen(function* () {
      const { as } = yield* database
      yield* Effect.provide(fill(prefix, success), as("postgres"))
      yield* Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const history = yield* RequestHistory
        const { firstSince } = historyStatementsFor(yield* readDialect)
        for (const minutes of [-5, 0, 1, 17, 59, 600, 2_879, 5_000]) {
          const since = Date.now() - minutes * 60_000
          const time = new Date(since).toISOString()
          const [expected] = yield* sql<{ rows: number }>`
            SELECT count(*)::int AS rows FROM csb_requests_audit WHERE audit_timestamp >= ${time}::timestamptz`
          const found = (yield* history.outcomes(since)).reduce((sum, it) => sum + it.succeeded, 0)
          assert.strictEqual(found, expected?.rows, `${minutes} minutes ago`)

          const [first] = yield* sql.unsafe<{ id: string }>(firstSince, [time])
          const [read] = yield* sql<{ rows: number }>`
            SELECT count(*)::int AS rows FROM csb_requests_audit WHERE audit_id > ${first?.id}::bigint`
          assert.isAtMost((read?.rows ?? 0) - (expected?.rows ?? 0), 10, `${minutes} minutes ago`)
        }
      }).pipe(Effect.provide(Layer.provideMerge(RequestHistorySql, as("csb_aws_user"))))
    })
  )

  it.live("knows nothing of other clouds' requests", () =>
    Effect.gen(function* () {
      const { as } = yield* database
      yield* Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* fill(prefix, success)
        yield* sql`DELETE FROM ${sql.literal(`${prefix}csb_requests_audit`)}`
        yield* sql`INSERT INTO ${sql.literal(`${prefix}csb_requests_audit`)} (correlation_id, status, audit_log)
          SELECT md5('azure')::uuid, status, 'x' FROM unnest(enum_range(NULL::${sql.literal(`${prefix}status_enum`)})) AS status`
      }).pipe(Effect.provide(as("postgres")))
      yield* Effect.gen(function* () {
        const history = yield* RequestHistory
        assert.deepStrictEqual(yield* history.outcomes(0), [])
        assert.deepStrictEqual(yield* history.failures(0), [])
        assert.lengthOf(yield* history.search({ _tag: "Principal", principal: "alice" }), 1)
        // Not only since row-level security hides them: a role that sees all of them gets no more.
      }).pipe(Effect.provide(RequestHistorySql.pipe(Layer.provide(as("postgres")))))
    })
  )

  it.live("tells the newest failures first, also where their ids get one digit more", () =>
    Effect.gen(function* () {
      const { as } = yield* database
      const sqlAsAdmin = Layer.provideMerge(RequestHistorySql, as("postgres"))
      yield* Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* fill(prefix, success)
        yield* sql`INSERT INTO ${sql.literal(`${prefix}csb_requests_audit`)} (correlation_id, status, audit_log)
          SELECT md5('aws')::uuid, ${sql.literal(`'${success === "SUCCESS" ? "FAILED" : "failed"}'`)}, 'no'
          FROM generate_series(1, 100)`
        const ids = (yield* (yield* RequestHistory).failures(0)).map(({ auditId }) => Number(auditId))
        assert.deepStrictEqual(
          ids,
          ids.toSorted((one, other) => other - one)
        )
      }).pipe(Effect.provide(sqlAsAdmin))
    })
  )

  it.live("has nothing to tell of an empty database", () =>
    Effect.gen(function* () {
      const { as } = yield* database
      yield* Effect.gen(function* () {
        const history = yield* RequestHistory
        assert.deepStrictEqual(yield* history.outcomes(0), [])
        assert.deepStrictEqual(yield* history.failures(0), [])
      }).pipe(Effect.provide(RequestHistorySql.pipe(Layer.provide(as("csb_aws_user")))))
    })
  )
})
