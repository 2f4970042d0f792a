import { Effect, Random } from "effect"
import type { Job } from "../../src/domain/Job.ts"
import { eventually } from "../process/program.ts"
import { Stage } from "./Stage.ts"

/** Milliseconds from the push to the commit. */
const commitDelay = { min: 5, max: 30 }

/** Submits a job as the API does: pushes it first, and commits the row some milliseconds later. Fails where the API would. */
export const submit = Effect.fnUntraced(function* (job: Job) {
  yield* push(job)
  yield* Effect.sleep(yield* Random.nextIntBetween(commitDelay.min, commitDelay.max))
  yield* commitRow(job)
  return job
})

export const push = Effect.fnUntraced(function* (job: Job) {
  const { queue, redis } = yield* Stage
  yield* Effect.tryPromise(() => redis.lpush(queue, JSON.stringify(job)))
})

/** Both servers answer the harness itself. */
export const awaitServers = Effect.gen(function* () {
  const { redis, sql } = yield* Stage
  const answers = Effect.all([sql`SELECT 1`, Effect.tryPromise(() => redis.ping())]).pipe(
    Effect.as(true),
    Effect.orElseSucceed(() => false)
  )
  yield* eventually(answers, (answered) => answered)
})

/** Unlike the API's, the row says all that a job needs, so that it can be rebuilt when Redis has lost it. */
export const commitRow = Effect.fnUntraced(function* (job: Job) {
  const { sql } = yield* Stage
  yield* sql`
    INSERT INTO csb_requests (correlation_id, cloud_provider, principal, principal_type, action, entitlement,
      entitlement_type, account_id)
    VALUES (${job.correlation_id}, 'aws', ${job.principal}, ${job.principal_type}, ${job.action}, ${job.entitlement},
      ${job.entitlement_type}, ${job.account_id})`
})

export interface Trail {
  readonly status: string
  readonly audit: ReadonlyArray<{ readonly status: string; readonly log: string }>
  readonly references: number
}

export const trailOf = Effect.fnUntraced(function* (id: string) {
  const { sql } = yield* Stage
  const [row] = yield* sql<{ status: string }>`SELECT status::text FROM csb_requests WHERE correlation_id = ${id}`
  const audit = yield* sql<{ status: string; log: string }>`
    SELECT status::text, audit_log AS log FROM csb_requests_audit WHERE correlation_id = ${id} ORDER BY audit_id`
  const references = yield* sql`SELECT FROM csb_requests_ref WHERE correlation_id = ${id}`
  return { status: row?.status ?? "none", audit, references: references.length } satisfies Trail
})

export const isFinal = (status: string) => status === "SUCCESS" || status === "FAILED"

/** The trail as soon as the request is final, whatever the outages until then. */
export const awaitFinal = (id: string) =>
  eventually(
    Effect.orElseSucceed(trailOf(id), () => undefined),
    (trail) => trail !== undefined && isFinal(trail.status)
  ).pipe(Effect.map((trail): Trail => trail ?? { status: "none", audit: [], references: 0 }))

/** Payloads in the queue, in the hands of workers dead or alive, and laid aside. */
export const payloadsLeft = Effect.gen(function* () {
  const { queue, redis } = yield* Stage
  return yield* Effect.tryPromise(async () => {
    const lists = await redis.keys(`{${queue}}:processing:*`)
    const lengths = await Promise.all([
      redis.llen(queue),
      redis.zcard(`{${queue}}:delayed`),
      ...lists.map((list) => redis.llen(list))
    ])
    return lengths.reduce((sum, length) => sum + length, 0)
  })
})

export const awaitNothingLeft = eventually(
  Effect.orElseSucceed(payloadsLeft, () => -1),
  (left) => left === 0
)
