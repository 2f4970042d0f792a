import { describe } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { JobStoreMemory } from "../../src/layers/memory/JobStoreMemory.ts"
import { JobStoreSql } from "../../src/layers/postgres/JobStoreSql.ts"
import { GrantsSql } from "../../src/layers/postgres/GrantsSql.ts"
import { RequestHistorySql } from "../../src/layers/postgres/RequestHistorySql.ts"
import { JobStore } from "../../src/services/JobStore.ts"
import { type Database, legacyDatabase, ourDatabase } from "../database.ts"
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
        Layer.mergeAll(JobStoreSql, GrantsSql, RequestHistorySql).pipe(Layer.provide(as("csb_aws_user"))),
        Layer.effect(ApiStore, JobStore).pipe(
          Layer.provide(Layer.fresh(JobStoreSql)),
          Layer.provide(as("csb_api_user"))
        )
      )
    )
  )

const flavours = [
  ["in memory", { labels: ours, optionalColumns: true }, memory],
  ["our schema", { labels: ours, optionalColumns: true }, onPostgres(ourDatabase)],
  ["legacy schema", { labels: legacy, optionalColumns: false }, onPostgres(legacyDatabase)]
] as const

describe("contract", () => {
  for (const [name, flavour, layer] of flavours) {
    jobStoreContract(name, flavour, layer)
    requestHistoryContract(name, flavour, layer)
  }
  endsContract("in memory", memory)
  endsContract("our schema", onPostgres(ourDatabase))
})
