import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { readDialect } from "../../src/layers/postgres/catalog.ts"
import { historyStatementsFor } from "../../src/layers/postgres/historyStatements.ts"
import { operatorStatementsFor } from "../../src/layers/postgres/operatorStatements.ts"
import { endStatementsFor } from "../../src/layers/postgres/endStatements.ts"
import { recordStatementsFor } from "../../src/layers/postgres/recordStatements.ts"
import { statementsFor } from "../../src/layers/postgres/statements.ts"
import { sweepStatementsFor } from "../../src/layers/postgres/sweepStatements.ts"
import { firstPage, pageAfter } from "../../src/layers/postgres/trailStatements.ts"
import { ourDatabase } from "../database.ts"

/** Of each: settled requests, and pending ones whose jobs are queued. */
const many = 1_000

const fill = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  for (const status of ["SUCCESS", "PENDING"]) {
    yield* sql`INSERT INTO csb_app.csb_requests (correlation_id, status, req_time_stamp, cloud_provider, principal, action,
        entitlement, account_id)
      SELECT gen_random_uuid(), ${status}::csb_app.status_enum, now() - n * interval '1 millisecond', 'aws', ${status} || n, 'add',
        'ReadOnlyAccess', '123456789012'
      FROM generate_series(1, ${many}::int) AS n`
  }
  // Grants for a time, whose ends are not due yet.
  yield* sql`INSERT INTO csb_app.csb_requests (correlation_id, cloud_provider, principal, action, entitlement, account_id,
      principal_type, entitlement_type, not_before, parent_id)
    SELECT gen_random_uuid(), 'aws', principal, 'remove', entitlement, account_id, 'User', 'default', now() + interval '1 day',
      correlation_id
    FROM csb_app.csb_requests WHERE status = 'SUCCESS'`
  yield* sql`INSERT INTO csb_app.csb_requests_audit (correlation_id, status, audit_log)
    SELECT correlation_id, status, 'Submitted' FROM csb_app.csb_requests`
  yield* sql`ANALYZE csb_app.csb_requests, csb_app.csb_requests_audit`
})

/** They look for requests by when they were touched; an index that only knows their status would be read whole. */
const byTouch = new Set(["recover", "rebuildOrphans", "countOrphans"])

/** They go on where the page before ended, or look for one principal. */
const byKey = new Set(["nextPrincipals", "principalsOfOne", "keysOf"])

/** They look for what is due, among the many that are not. */
const byTime = new Set(["due", "nextDue"])

describe("statements among many requests, as the worker's role behind row-level security", () => {
  it.live("read no table whole", () =>
    Effect.gen(function* () {
      const { as } = yield* ourDatabase
      yield* Effect.provide(fill, as("postgres"))
      yield* Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const dialect = yield* readDialect
        const life = statementsFor(dialect)
        const sweeping = sweepStatementsFor(dialect)
        const looking = historyStatementsFor(dialect)
        const operating = operatorStatementsFor(dialect)
        const ending = endStatementsFor(dialect)
        const recorded = recordStatementsFor(dialect)
        const [row] = yield* sql<{ id: string }>`
          SELECT correlation_id AS id FROM csb_requests WHERE principal = ${`PENDING${many / 2}`}`
        const id = row?.id ?? ""
        const before = new Date(Date.now() - 3_600_000).toISOString()
        const asked = JSON.stringify([{ id, claimant: ", claimed by w-1 (take 1)" }])
        const statements: Readonly<Record<string, readonly [string, ReadonlyArray<unknown>]>> = {
          claim: [life.claim("SKIP LOCKED"), [asked, before, 60_000]],
          settle: [life.settle("SUCCESS", "SKIP LOCKED"), [JSON.stringify([{ id, token: "1" }])]],
          heartbeat: [sweeping.heartbeat, [[id], [1n]]],
          recover: [sweeping.recover, [60_000, 3]],
          standings: [sweeping.standings, [[id]]],
          oldestOf: [sweeping.oldestOf, [[id]]],
          rebuildOrphans: [sweeping.rebuildOrphans ?? "", [before]],
          countOrphans: [sweeping.countOrphans, [before]],
          firstSince: [looking.firstSince, [before]],
          outcomes: [looking.outcomes, ["1", before]],
          failures: [looking.failures, ["1", before]],
          inFlight: [operating.inFlight, []],
          noteBefore: [ending.noteBefore, [id, 1n, false]],
          history: [ending.history, [id]],
          due: [ending.due, [before]],
          nextDue: [ending.nextDue, []],
          firstPage: [firstPage, [null, null]],
          pageAfter: [pageAfter, [id, null]],
          firstPrincipals: [recorded.principals("nothing", false), []],
          nextPrincipals: [recorded.principals("principal", false), ["123456789012", "SUCCESS1"]],
          nextAccounts: [recorded.principals("account", false), ["123456789012"]],
          principalsOfOne: [recorded.principals("principal", true), ["123456789012", "SUCCESS1", "123456789012"]],
          keysOf: [recorded.keysOf, ["123456789012", "SUCCESS1"]],
          otherSpelling: [recorded.otherSpelling, ["123456789012", "SUCCESS1", "User"]]
        }
        for (const [name, [statement, values]] of Object.entries(statements)) {
          // In so small a table the planner would read all of it; what it cannot avoid, it does all the same.
          const plan = yield* sql`SET LOCAL enable_seqscan = off`.pipe(
            Effect.andThen(sql.unsafe<{ "QUERY PLAN": string }>(`EXPLAIN (COSTS OFF) ${statement}`, values)),
            sql.withTransaction
          )
          const text = plan.map((line) => line["QUERY PLAN"]).join("\n")
          assert.notMatch(text, /Seq Scan on csb_requests/, `${name}\n${text}`)
          if (byTime.has(name)) assert.match(text, /Index Cond: \(\(?not_before/, `${name}\n${text}`)
          if (byKey.has(name))
            assert.match(text, /csb_requests_settled_key.*\n.*Index Cond: .*principal/, `${name}\n${text}`)
          if (name === "pageAfter") assert.match(text, /Index Cond: \(correlation_id > /, text)
          if (byTouch.has(name)) assert.match(text, /Index Cond: \(CASE WHEN/, `${name}\n${text}`)
        }
      }).pipe(Effect.provide(as("csb_aws_user")))
    })
  )
})
