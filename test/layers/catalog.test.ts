import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { SchemaUnsupported } from "../../src/domain/StartupError.ts"
import { readDialect } from "../../src/layers/postgres/catalog.ts"
import { type Database, emptyDatabase, legacyDatabase, ourDatabase } from "../database.ts"

const ours = { PENDING: "PENDING", IN_PROGRESS: "IN_PROGRESS", SUCCESS: "SUCCESS", FAILED: "FAILED" }
const legacy = { PENDING: "queued", IN_PROGRESS: "in_progress", SUCCESS: "success", FAILED: "failed" }

/** What the worker reads after the statements were carried out. */
const after = (database: Effect.Effect<Database, unknown>, ...statements: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { as } = yield* database
    yield* Effect.flatMap(SqlClient.SqlClient, (sql) =>
      Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
    ).pipe(Effect.provide(as("postgres")))
    return yield* Effect.provide(readDialect, as("csb_aws_user"))
  })

const missingAfter = (database: Effect.Effect<Database, unknown>, ...statements: ReadonlyArray<string>) =>
  Effect.map(Effect.flip(after(database, ...statements)), (error) => {
    assert.instanceOf(error, SchemaUnsupported)
    return error.missing
  })

describe("readDialect", () => {
  it.live("knows our schema", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* after(ourDatabase), {
        labels: ours,
        optional: ["principal_type", "entitlement_type", "duration_minutes"],
        notBefore: true,
        ends: true,
        chained: true,
        tellsHistory: true
      })
    })
  )

  it.live("knows the legacy schema", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* after(legacyDatabase), {
        labels: legacy,
        optional: [],
        notBefore: false,
        ends: false,
        chained: false,
        tellsHistory: false
      })
    })
  )

  it.live("takes each optional column for itself", () =>
    Effect.gen(function* () {
      const { optional } = yield* after(legacyDatabase, "ALTER TABLE csb_requests ADD duration_minutes int")
      assert.deepStrictEqual(optional, ["duration_minutes"])
    })
  )

  it.live("takes ours for a status of text", () =>
    Effect.gen(function* () {
      const { labels } = yield* after(
        legacyDatabase,
        "ALTER TABLE csb_requests ALTER status TYPE text",
        "ALTER TABLE csb_requests_audit ALTER status TYPE varchar(20)"
      )
      assert.deepStrictEqual(labels, ours)
    })
  )

  it.live("takes each label for itself", () =>
    Effect.gen(function* () {
      const { labels } = yield* after(legacyDatabase, "ALTER TYPE status_enum ADD VALUE 'PENDING'")
      assert.deepStrictEqual(labels, { ...legacy, PENDING: "PENDING" })
    })
  )

  it.live("takes a label that both tables know", () =>
    Effect.gen(function* () {
      const { labels } = yield* after(
        legacyDatabase,
        "CREATE TYPE status2 AS ENUM ('PENDING', 'queued', 'in_progress', 'success', 'failed')",
        "ALTER TABLE csb_requests ALTER status TYPE status2 USING status::text::status2"
      )
      assert.deepStrictEqual(labels, legacy)
    })
  )

  it.live("refuses tables that have no label in common", () =>
    Effect.gen(function* () {
      const missing = yield* missingAfter(legacyDatabase, "ALTER TABLE csb_requests_audit ALTER status TYPE text")
      assert.deepStrictEqual(missing, ["labels that both csb_requests and csb_requests_audit know"])
    })
  )

  it.live("names all tables that are not there", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* missingAfter(emptyDatabase), [
        "table csb_requests",
        "table csb_requests_audit",
        "table csb_requests_ref"
      ])
    })
  )

  it.live("names columns and labels that are not there", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* missingAfter(
          legacyDatabase,
          "ALTER TABLE csb_requests DROP principal",
          "ALTER TABLE csb_requests_ref RENAME ref_id TO reference",
          "ALTER TYPE status_enum RENAME VALUE 'queued' TO 'waiting'"
        ),
        [
          "column csb_requests.principal",
          "column csb_requests_ref.ref_id",
          "label PENDING or queued of csb_requests.status",
          "label PENDING or queued of csb_requests_audit.status"
        ]
      )
    })
  )

  it.live("refuses a status that is neither an enum nor a text", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* missingAfter(legacyDatabase, "ALTER TABLE csb_requests DROP status, ADD status int"),
        ["csb_requests.status as an enum or a text"]
      )
    })
  )
})
