import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Effect, Layer, Random } from "effect"
import { SqlClient } from "effect/sql"
import { DatabaseConfigLive } from "../src/layers/environment/ConfigLive.ts"
import { SqlLive } from "../src/layers/postgres/SqlLive.ts"
import { Redis } from "../src/services/Redis.ts"
import { environment } from "./environment.ts"
import type { Submission } from "./Job.ts"
import { queue, statusKey } from "./keys.ts"
import { Servers } from "./servers.ts"

/** Requests that the API takes at once. */
const clients = 8

/** Milliseconds from the push to the commit. */
const commitDelay = { min: 5, max: 80 }

/** Submits jobs as the API does: pushes first, and commits the row some milliseconds later, as `csb_api_user`. */
export const submitAsApi = Effect.fnUntraced(function* (jobs: ReadonlyArray<Submission>) {
  const Live = SqlLive.pipe(
    Layer.provide(DatabaseConfigLive),
    Layer.provide(environment(yield* Servers, "csb_api_user")),
    Layer.provide(NodeFileSystem.layer),
    // Else the pool would be that of another role: layers are shared by default.
    Layer.fresh
  )
  yield* Effect.forEach(jobs, submit, { concurrency: clients, discard: true }).pipe(Effect.provide(Live))
})

const submit = Effect.fnUntraced(function* (job: Submission) {
  const redis = yield* Redis
  const delay = yield* Random.nextIntBetween(commitDelay.min, commitDelay.max)
  // The API's is a string. To the worker, which only deletes it, a list is the same.
  if (job.requested) yield* redis.push(statusKey(job.id), "left", Buffer.from("PENDING"))
  yield* Effect.replicateEffect(redis.push(queue, "left", job.payload), job.pushes, { discard: true })
  yield* Effect.sleep(delay)
  if (job.requested) yield* commitRow(job)
})

/** The API knows nothing of the optional columns: they stay null. */
const commitRow = Effect.fnUntraced(function* ({ id, request }: Submission) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    WITH requested AS (
      INSERT INTO csb_requests (correlation_id, cloud_provider, principal, action, entitlement, account_id)
      VALUES (${id}, 'aws', ${request.principal}, ${request.action}, ${request.entitlement}, ${request.accountId})
      RETURNING correlation_id
    )
    INSERT INTO csb_requests_audit (correlation_id, status, audit_log)
    SELECT correlation_id, 'PENDING', 'Accepted by the API' FROM requested`
})
