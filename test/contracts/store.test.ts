import { describe } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { JobStoreMemory } from "../../src/layers/memory/JobStoreMemory.ts"
import { AccessRecordsSql } from "../../src/layers/postgres/AccessRecordsSql.ts"
import { readDialect } from "../../src/layers/postgres/catalog.ts"
import { missingGrants } from "../../src/layers/postgres/grants.ts"
import { AuditTrailsSql } from "../../src/layers/postgres/AuditTrailsSql.ts"
import { JobStoreSql } from "../../src/layers/postgres/JobStoreSql.ts"
import { GrantsSql } from "../../src/layers/postgres/GrantsSql.ts"
import { RequestHistorySql } from "../../src/layers/postgres/RequestHistorySql.ts"
import { rightOf } from "../../src/programs/doctor/postgresql.ts"
import { JobStore } from "../../src/services/JobStore.ts"
import { type Database, legacyDatabase, ourDatabase } from "../database.ts"
import { accessRecordsContract } from "./accessRecords.ts"
import { auditTrailsContract } from "./auditTrails.ts"
import { endsContract } from "./ends.ts"
import { ApiStore, jobStoreContract } from "./jobStore.ts"
import { requestHistoryContract } from "./requestHistory.ts"

const ours = { PENDING: "PENDING", IN_PROGRESS: "IN_PROGRESS", SUCCESS: "SUCCESS", FAILED: "FAILED" }
const legacy = { PENDING: "queued", IN_PROGRESS: "in_progress", SUCCESS: "success", FAILED: "failed" }

const memory = Layer.effect(ApiStore, JobStore).pipe(Layer.provideMerge(JobStoreMemory))

/** The store as each of the two roles has it, with no more than its grants and behind row-level security. */
const onPostgres = (database: Effect.Effect<Database, unknown>) =>
  Layer.unwrap(
    Effect.map(database, ({ as }) =>
      Layer.merge(
        Layer.mergeAll(JobStoreSql, AccessRecordsSql, AuditTrailsSql, GrantsSql, RequestHistorySql).pipe(
          Layer.provide(as("csb_aws_user"))
        ),
        Layer.effect(ApiStore, JobStore).pipe(
          Layer.provide(Layer.fresh(JobStoreSql)),
          Layer.provide(as("csb_api_user"))
        )
      )
    )
  )

/** Takes all rights from the worker's role, and gives it what the doctor then misses. */
const grantedByDoctor = Effect.tap(legacyDatabase, ({ as }) =>
  Effect.gen(function* () {
    const run = (statement: string) =>
      Effect.flatMap(SqlClient.SqlClient, (sql) => sql.unsafe(statement)).pipe(Effect.provide(as("postgres")))
    yield* run("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM csb_aws_user")
    yield* run("REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM csb_aws_user")
    const missing = yield* Effect.flatMap(readDialect, missingGrants).pipe(Effect.provide(as("csb_aws_user")))
    yield* Effect.forEach(missing, (it) => run(`GRANT ${rightOf(it)} TO csb_aws_user`))
  })
)

const flavours = [
  ["in memory", { labels: ours, optionalColumns: true }, memory],
  ["our schema", { labels: ours, optionalColumns: true }, onPostgres(ourDatabase)],
  [
    "legacy schema, with what the doctor asks for",
    { labels: legacy, optionalColumns: false },
    onPostgres(grantedByDoctor)
  ]
] as const

describe("contract", () => {
  for (const [name, flavour, layer] of flavours) {
    jobStoreContract(name, flavour, layer)
    requestHistoryContract(name, flavour, layer)
  }
  auditTrailsContract("in memory", memory)
  auditTrailsContract("our schema", onPostgres(ourDatabase))
  endsContract("in memory", memory)
  endsContract("our schema", onPostgres(ourDatabase))
  accessRecordsContract("in memory", memory)
  accessRecordsContract("our schema", onPostgres(ourDatabase))
})
