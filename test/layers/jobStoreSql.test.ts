import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { reasonToLeave } from "../../src/domain/Access.ts"
import { Timeout } from "../../src/domain/AwsError.ts"
import type { Job } from "../../src/domain/Job.ts"
import { Settlement } from "../../src/domain/Settlement.ts"
import { JobStoreSql } from "../../src/layers/postgres/JobStoreSql.ts"
import { type Claim, JobStore } from "../../src/services/JobStore.ts"
import { type Database, legacyDatabase, ourDatabase } from "../database.ts"
import { aJob, waiting } from "../fixture.ts"

/** A store, and the same database as a superuser who can hold rows back. */
const withStore = <A, E>(
  database: Effect.Effect<Database, E>,
  test: (admin: SqlClient.SqlClient) => Effect.Effect<A, unknown, JobStore>
) =>
  Effect.gen(function* () {
    const { as } = yield* database
    const admin = yield* Effect.flatMap(Layer.build(as("postgres")), (context) =>
      Effect.provide(SqlClient.SqlClient, context)
    )
    const store = JobStoreSql.pipe(Layer.provide(Layer.fresh(as("postgres", "exclusive"))))
    return yield* Effect.provide(test(admin), store)
  }).pipe(Effect.scoped)

/**
 * Runs the effect while another transaction holds the request's row, and lets go when `waiting` statements wait for it and `ready`
 * is.
 */
const whileLocked = <A, E, R>(
  admin: SqlClient.SqlClient,
  id: string,
  waiting: number,
  effect: Effect.Effect<A, E, R>,
  ready: Effect.Effect<boolean, unknown> = Effect.succeed(true)
) =>
  Effect.gen(function* () {
    const locked = yield* Deferred.make<void>()
    const letGo = yield* Deferred.make<void>()
    const holder = yield* admin`SELECT 1 FROM csb_app.csb_requests WHERE correlation_id = ${id} FOR UPDATE`.pipe(
      Effect.andThen(Deferred.succeed(locked, undefined)),
      Effect.andThen(Deferred.await(letGo)),
      admin.withTransaction,
      Effect.forkChild
    )
    yield* Deferred.await(locked)
    const running = yield* Effect.forkChild(effect)
    yield* admin<{ readonly count: number }>`
      SELECT count(*)::int AS count FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock'`.pipe(
      Effect.repeat({ until: ([row]) => (row?.count ?? 0) >= waiting })
    )
    yield* Effect.repeat(ready, { until: (it) => it })
    yield* Deferred.succeed(letGo, undefined)
    yield* Fiber.join(holder)
    return yield* Fiber.join(running)
  })

describe("JobStore over PostgreSQL, statements that are sent twice", () => {
  /** Both wait for the row at the same time, so neither sees in its snapshot what the other does. */
  const twice = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.all([effect, effect], { concurrency: "unbounded" })
  const claimed = (result: Option.Option<{ readonly _tag: string; readonly claim?: Claim }>) =>
    Option.getOrThrow(Option.flatMapNullishOr(result, (it) => it.claim))

  it.live("claims once, and answers both alike", () =>
    withStore(ourDatabase, (admin) =>
      Effect.gen(function* () {
        const store = yield* JobStore
        const job = aJob()
        yield* store.submit(job)
        const claim = store.claim(job, { workerId: "w-1", take: "1" }, waiting)
        const [first, second] = yield* whileLocked(admin, job.correlation_id, 2, twice(claim))
        assert.deepStrictEqual(claimed(second), claimed(first))
        const record = Option.getOrThrow(yield* store.find(job.correlation_id))
        assert.deepStrictEqual(
          record.audit.map((it) => it.status),
          ["PENDING", "IN_PROGRESS"]
        )
      })
    )
  )

  it.live("lets one of two workers win, and tells the other that the request is in progress", () =>
    withStore(ourDatabase, (admin) =>
      Effect.gen(function* () {
        const store = yield* JobStore
        const job = aJob()
        yield* store.submit(job)
        const claims = Effect.all(
          ["w-1", "w-2"].map((workerId) => store.claim(job, { workerId, take: "1" }, waiting)),
          { concurrency: "unbounded" }
        )
        const results = yield* whileLocked(admin, job.correlation_id, 2, claims)
        const tags = results.map((it) => Option.getOrThrow(it))
        assert.sameDeepMembers(
          tags.map((it) => (it._tag === "NotPending" ? it.status : it._tag)),
          ["Claimed", "IN_PROGRESS"]
        )
      })
    )
  )

  it.live("holds up no request for another's row that somebody keeps", () =>
    withStore(ourDatabase, (admin) =>
      Effect.gen(function* () {
        const store = yield* JobStore
        const kept = aJob()
        const others = Array.from({ length: 5 }, (_, number) => aJob({ principal: `user-${number}` }))
        yield* Effect.forEach([kept, ...others], (job) => store.submit(job))
        const claim = (job: Job) => store.claim(job, { workerId: "w-1", take: job.correlation_id }, waiting)
        const finish = Effect.fnUntraced(function* (job: Job) {
          const applied = Settlement.Succeeded({ requestId: Option.none(), effected: "applied" })
          assert.isTrue(yield* store.settle(claimed(yield* claim(job)), applied))
        })
        // Ends only after the others did: it lets go of the row then.
        const result = yield* whileLocked(
          admin,
          kept.correlation_id,
          1,
          Effect.forkChild(claim(kept)).pipe(
            Effect.tap(() => Effect.forEach(others, finish, { concurrency: "unbounded" })),
            Effect.flatMap(Fiber.join)
          ),
          Effect.flatMap(
            Effect.forEach(others, ({ correlation_id }) => store.find(correlation_id)),
            (records) => Effect.succeed(records.every((it) => Option.getOrThrow(it).status === "SUCCESS"))
          )
        )
        assert.strictEqual(claimed(result).correlationId, kept.correlation_id)
      })
    )
  )

  it.live("neither waits for a request that is not due yet, nor takes it for one without a job", () =>
    withStore(ourDatabase, (admin) =>
      Effect.gen(function* () {
        const store = yield* JobStore
        const [expiry, job] = [aJob({ action: "remove" }), aJob()]
        yield* store.submit(expiry)
        yield* admin`UPDATE csb_app.csb_requests
          SET req_time_stamp = now() - interval '10 minutes', not_before = now() + interval '1 hour'`
        yield* store.submit(job)
        const claim = yield* store.claim(job, { workerId: "w-1", take: "1" }, waiting)
        assert.strictEqual(Option.getOrThrow(claim)._tag, "Claimed")
        assert.deepStrictEqual(yield* store.orphans(Date.now() - 60_000), { rebuilt: [], left: 0 })
        assert.deepStrictEqual((yield* store.due(Date.now() - 60_000)).payloads, [])
        yield* admin`UPDATE csb_app.csb_requests SET not_before = now() WHERE correlation_id = ${expiry.correlation_id}`
        assert.strictEqual((yield* store.due(Date.now() - 60_000)).payloads.length, 1)
      })
    )
  )

  it.live("lets the end of a grant that failed in doubt leave it, once it was tried again and has succeeded", () =>
    withStore(ourDatabase, (admin) =>
      Effect.gen(function* () {
        const store = yield* JobStore
        const job = aJob({ duration_minutes: 60 })
        yield* store.submit(job)
        const claim = (id: string) =>
          Effect.map(
            store.claim({ ...job, correlation_id: id }, { workerId: "w-1", take: randomUUID() }, waiting),
            claimed
          )
        const first = yield* claim(job.correlation_id)
        yield* store.noteBefore(first, false)
        const lost = new Timeout({ code: "ECONNRESET", message: "", operation: "AttachUserPolicy" })
        yield* store.settle(first, Settlement.Failed({ error: lost }))
        yield* admin`UPDATE csb_app.csb_requests SET status = 'PENDING' WHERE correlation_id = ${job.correlation_id}`
        const again = yield* claim(job.correlation_id)
        yield* store.settle(again, Settlement.Succeeded({ requestId: Option.none(), effected: "applied" }))

        const [end] = yield* admin<{ readonly id: string }>`
          SELECT correlation_id AS id FROM csb_app.csb_requests WHERE parent_id IS NOT NULL AND not_before <= now()`
        const history = yield* store.history(yield* claim(end?.id ?? ""))
        assert.deepStrictEqual(
          reasonToLeave(job.correlation_id, history),
          Option.some(`still held by ${job.correlation_id}`)
        )
      })
    )
  )

  it.live("takes rows of a legacy schema in which neither time nor status stands", () =>
    withStore(legacyDatabase, (admin) =>
      Effect.gen(function* () {
        const store = yield* JobStore
        const insert = (id: string, status: string | null) => admin`
          INSERT INTO csb_requests
            (correlation_id, status, req_time_stamp, cloud_provider, principal, action, entitlement, account_id)
          VALUES (${id}, ${status}::status_enum, NULL, 'aws', 'alice', 'add', 'ReadOnlyAccess', '123456789012')`
        const [held, lost, blank] = [randomUUID(), randomUUID(), aJob({ principal: "bob" })]
        yield* insert(held, "in_progress")
        yield* insert(lost, "queued")
        yield* insert(blank.correlation_id, null)
        assert.deepStrictEqual(
          yield* store.claim(blank, { workerId: "w-1", take: "1" }, waiting),
          Option.some({ _tag: "NotPending", status: "" })
        )
        const job = aJob()
        yield* store.submit(job)
        const claim = store.claim(job, { workerId: "w-1", take: "1" }, { ...waiting, orphansBefore: 0 })
        assert.strictEqual(Option.getOrThrow(yield* claim)._tag, "Blocked")
        assert.deepStrictEqual(
          yield* store.recover(Duration.seconds(60), 3),
          Option.some([{ correlationId: held, status: "PENDING" }])
        )
        assert.strictEqual((yield* store.orphans(0)).left, 1)
        // The one that was recovered is touched by that, the other one never was.
        assert.deepStrictEqual(Option.getOrThrow(yield* claim), { _tag: "Blocked", ahead: 1 })
      })
    )
  )

  it.live.each([
    ["SUCCESS", Settlement.Succeeded({ requestId: Option.some("r-1"), effected: "applied" })],
    ["PENDING", Settlement.Released({ reason: "the worker shuts down", until: "next" })]
  ] as const)("settles as %s once, and answers both alike", ([status, settlement]) =>
    withStore(ourDatabase, (admin) =>
      Effect.gen(function* () {
        const store = yield* JobStore
        const job = aJob()
        yield* store.submit(job)
        const claim = claimed(yield* store.claim(job, { workerId: "w-1", take: "1" }, waiting))
        const both = yield* whileLocked(admin, job.correlation_id, 2, twice(store.settle(claim, settlement)))
        assert.deepStrictEqual(both, [true, true])
        const record = Option.getOrThrow(yield* store.find(job.correlation_id))
        assert.strictEqual(record.status, status)
        assert.strictEqual(record.audit.length, 3)
        assert.strictEqual(record.references.length, status === "SUCCESS" ? 1 : 0)
      })
    )
  )
})
