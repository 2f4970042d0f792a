import { randomUUID } from "node:crypto"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Option, Random, Schema, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { inject } from "vitest"
import { reasonOf } from "../../src/domain/reasonOf.ts"
import { Settlement } from "../../src/domain/Settlement.ts"
import { AuditTrailsSql } from "../../src/layers/postgres/AuditTrailsSql.ts"
import { JobStoreSql } from "../../src/layers/postgres/JobStoreSql.ts"
import { trailsOfPage } from "../../src/layers/postgres/trailStatements.ts"
import { migrate } from "../../src/programs/migrate/migrate.ts"
import { verifyTrails } from "../../src/programs/verify/verifyTrails.ts"
import { ClaimResult, JobStore } from "../../src/services/JobStore.ts"
import { connect, type Database, ourDatabase } from "../database.ts"
import { aJob, waiting } from "../fixture.ts"

type Client = SqlClient.SqlClient

const clientAs = ({ as }: Database, ...[user, connections]: Parameters<Database["as"]>) =>
  Effect.map(Layer.build(Layer.fresh(as(user, connections))), (context) => Context.get(context, SqlClient.SqlClient))

const aRequest = Effect.fnUntraced(function* (sql: Client, status = "PENDING") {
  const id = randomUUID()
  yield* sql`INSERT INTO csb_requests (correlation_id, status, cloud_provider, principal, action, entitlement, account_id)
    VALUES (${id}, ${sql.literal(`'${status}'`)}, 'aws', 'alice', 'add', 'ReadOnlyAccess', '123456789012')`
  return id
})
const audit = (sql: Client, id: string, log: string | null, status = "PENDING") =>
  sql`INSERT INTO csb_requests_audit (correlation_id, status, audit_log) VALUES (${id}, ${sql.literal(`'${status}'`)}, ${log})`

/** Why the trails of these requests are broken, as the worker's role reads them; undefined: intact. */
const broken = (database: Database) =>
  Stream.runCollect(verifyTrails(Option.none())).pipe(
    Effect.map((trails) => new Map(trails.map((it) => [it.correlationId, Option.getOrUndefined(it.broken)]))),
    Effect.provide(AuditTrailsSql.pipe(Layer.provide(database.as("csb_aws_user"))))
  )

const claimAndSettle = Effect.fnUntraced(function* (job: ReturnType<typeof aJob>, workerId: string) {
  const store = yield* JobStore
  const result = Option.getOrThrow(yield* store.claim(job, { workerId, take: "1" }, waiting))
  if (!ClaimResult.$is("Claimed")(result)) return false
  return yield* store.settle(result.claim, Settlement.Succeeded({ requestId: Option.none(), effected: "applied" }))
})

/** Takes migrations 0004 and 0005 back, so that `migrate` has them to do. */
const unchain = (admin: Client) =>
  Effect.all(
    [
      admin`DROP TRIGGER chain_audit ON csb_requests_audit`,
      admin`DROP FUNCTION chain_audit`,
      admin`ALTER TABLE csb_requests_audit DROP previous_hash, DROP hash`,
      admin`DROP TRIGGER csb_keep_request ON csb_requests`,
      admin`DROP FUNCTION csb_keep_request`,
      admin`DELETE FROM csb_migrations WHERE migration_id >= 4`
    ],
    { discard: true }
  )

/** A database with one request, and a client of the API's role. */
class Shared extends Context.Service<
  Shared,
  { readonly database: Database; readonly api: Client; readonly id: string }
>()("test/Shared") {}

const SharedLive = Layer.effect(
  Shared,
  Effect.gen(function* () {
    const database = yield* ourDatabase
    const api = yield* clientAs(database, "csb_api_user")
    return { database, api, id: yield* aRequest(api) }
  })
)

/** No character 0, which PostgreSQL has not, and no halves of characters, which UTF-8 has not. */
const Text = Schema.String.check(Schema.makeFilter((it) => !it.includes("\0") && it.isWellFormed()))

layer(SharedLive, { excludeTestServices: true })("a hash", (it) => {
  it.effect("is the same in PostgreSQL and here, for texts that are written in many ways", () =>
    Effect.gen(function* () {
      const { api, database, id } = yield* Shared
      for (const text of [
        null,
        "",
        " ",
        " a  b ",
        `'"\\`,
        "\\n\\x41",
        "\r\n\t\b\f\u0001\u007f",
        "é 漢 😀 \u2028\ufeff",
        "-"
      ]) {
        yield* audit(api, id, text)
      }
      assert.deepStrictEqual(yield* broken(database), new Map([[id, undefined]]))
    })
  )

  it.effect.prop("is the same in PostgreSQL and here, for any text", [Schema.Array(Text)], ([texts]) =>
    Effect.gen(function* () {
      const { api, database } = yield* Shared
      const id = yield* aRequest(api)
      yield* api`INSERT INTO csb_requests_audit (correlation_id, status, audit_log)
        SELECT ${id}, 'PENDING', text FROM unnest(${texts}::text[]) AS text`
      assert.isUndefined((yield* broken(database)).get(id))
    })
  )
})

describe("the chain of audit rows", () => {
  it.live("has its own ids and hashes, whatever an inserter gives", () =>
    Effect.gen(function* () {
      const database = yield* ourDatabase
      const api = yield* clientAs(database, "csb_api_user")
      const id = yield* aRequest(api)
      yield* audit(api, id, "one")
      yield* api`INSERT INTO csb_requests_audit (audit_id, correlation_id, status, previous_hash, hash)
        VALUES (9223372036854775807, ${id}, 'PENDING', 'x', 'y'), (-1, ${id}, 'PENDING', NULL, NULL)`
      yield* audit(api, id, "two")
      assert.deepStrictEqual(yield* broken(database), new Map([[id, undefined]]))
      const admin = yield* clientAs(database, "postgres")
      const [found] = yield* admin`SELECT count(*)::int AS rows, max(audit_id) < 100 AS drawn FROM csb_requests_audit`
      assert.deepStrictEqual(found, { rows: 4, drawn: true })
    })
  )

  it.live("lets nobody but the owner change rows, take them out, or call what chains them", () =>
    Effect.gen(function* () {
      const database = yield* ourDatabase
      for (const user of ["csb_api_user", "csb_aws_user"] as const) {
        const sql = yield* clientAs(database, user)
        for (const statement of [
          "UPDATE csb_requests_audit SET audit_log = 'x'",
          "DELETE FROM csb_requests_audit",
          "TRUNCATE csb_requests_audit",
          "ALTER TABLE csb_requests_audit DISABLE TRIGGER chain_audit",
          "SELECT chain_audit()"
        ]) {
          const exit = yield* Effect.exit(sql.unsafe(statement))
          assert.match(Exit.isFailure(exit) ? String(exit.cause) : "", /permission denied|must be owner/, statement)
        }
      }
    })
  )

  it.live("is not led astray by tables of an inserter's own", () =>
    Effect.gen(function* () {
      const database = yield* ourDatabase
      const api = yield* clientAs(database, "csb_api_user", "exclusive")
      const id = yield* aRequest(api)
      yield* audit(api, id, "one")
      yield* api.withTransaction(
        Effect.gen(function* () {
          yield* api`CREATE TEMP TABLE csb_requests_audit (audit_id bigint, correlation_id uuid, hash bytea)`
          yield* api`GRANT ALL ON csb_requests_audit TO PUBLIC`
          yield* api`INSERT INTO csb_app.csb_requests_audit (correlation_id, status) VALUES (${id}, 'PENDING')`
        })
      )
      assert.deepStrictEqual(yield* broken(database), new Map([[id, undefined]]))
    })
  )

  it.live("goes on in the order of the rows when two transactions have drawn their ids the other way round", () =>
    Effect.gen(function* () {
      const database = yield* ourDatabase
      const admin = yield* clientAs(database, "postgres")
      const [first, second] = [yield* clientAs(database, "csb_api_user"), yield* clientAs(database, "csb_api_user")]
      const id = yield* aRequest(first)
      yield* audit(admin, id, "before")
      const waiting = yield* first.withTransaction(
        Effect.gen(function* () {
          yield* audit(first, id, "one")
          const waiting = yield* Effect.forkChild(audit(second, id, "two"))
          yield* admin<{ readonly count: number }>`SELECT count(*)::int AS count FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'`.pipe(
            Effect.repeat({ until: ([row]) => row?.count === 1 })
          )
          yield* audit(first, id, "one more")
          return waiting
        })
      )
      yield* Fiber.join(waiting)
      const rows = yield* admin<{ log: string }>`SELECT audit_log AS log FROM csb_requests_audit ORDER BY audit_id`
      assert.deepStrictEqual(
        rows.map(({ log }) => log),
        ["before", "one", "one more", "two"]
      )
      assert.deepStrictEqual(yield* broken(database), new Map([[id, undefined]]))
    })
  )

  it.live("is intact, and nobody waits for somebody who waits for him, when workers and the API write at once", () =>
    Effect.gen(function* () {
      const database = yield* ourDatabase
      const workers = yield* Effect.forEach([1, 2, 3], () =>
        Layer.build(JobStoreSql.pipe(Layer.provide(Layer.fresh(database.as("csb_aws_user")))))
      )
      const api = yield* clientAs(database, "csb_api_user", "exclusive")
      const jobs = Array.from({ length: 60 }, (_, n) => aJob({ principal: `user-${n}` }))
      yield* Effect.forEach(jobs, (job) =>
        Effect.provide(
          Effect.flatMap(JobStore, (store) => store.submit(job)),
          JobStoreSql.pipe(Layer.provide(Layer.succeed(SqlClient.SqlClient, api)))
        )
      )
      const asAll = yield* Effect.forEach(workers, (worker, n) =>
        Effect.map(Random.shuffle(jobs), (shuffled) =>
          Effect.forEach(shuffled, (job) => Effect.provide(claimAndSettle(job, `w-${n}`), worker), { concurrency: 20 })
        )
      )
      const asApi = Effect.forEach(yield* Random.shuffle(jobs), (job) => audit(api, job.correlation_id, "Seen"), {
        concurrency: 4
      })
      const [settled] = yield* Effect.all([Effect.all(asAll, { concurrency: 3 }), asApi], { concurrency: 2 })
      assert.lengthOf(
        settled.flat().filter((it) => it),
        jobs.length
      )
      const found = yield* broken(database)
      assert.lengthOf([...found], jobs.length)
      // The API may have had the last word of some, which the request's status is not.
      assert.deepStrictEqual(
        [...found.values()].filter((it) => it !== undefined && it.auditId !== null),
        []
      )
    })
  )

  const tampered: ReadonlyArray<readonly [string, string, RegExp]> = [
    ["is changed", "UPDATE csb_requests_audit SET audit_log = 'Y' WHERE audit_log = 'b'", /not say what it said/],
    [
      "gets another time",
      "UPDATE csb_requests_audit SET audit_timestamp = now() + interval '1us' WHERE audit_log = 'b'",
      /not say/
    ],
    ["is taken out", "DELETE FROM csb_requests_audit WHERE audit_log = 'b'", /the row before it is not the one/],
    ["is taken out at the beginning", "DELETE FROM csb_requests_audit WHERE audit_log = 'a'", /the row before it/],
    ["is taken out at the end", "DELETE FROM csb_requests_audit WHERE audit_log = 'c'", /request is FAILED.*PENDING/],
    [
      "is put in behind the trigger's back",
      `ALTER TABLE csb_requests_audit DISABLE TRIGGER chain_audit, DROP CONSTRAINT csb_requests_audit_chained;
      INSERT INTO csb_requests_audit (correlation_id, status) SELECT correlation_id, 'FAILED' FROM csb_requests`,
      /no hash/
    ],
    [
      "and all others lose their hashes",
      `ALTER TABLE csb_requests_audit DROP CONSTRAINT csb_requests_audit_chained;
      UPDATE csb_requests_audit SET hash = NULL, previous_hash = NULL`,
      /no hash/
    ],
    ["was not written when a status was changed", "UPDATE csb_requests SET status = 'SUCCESS'", /request is SUCCESS/]
  ]
  it.live.each(tampered)("is broken when a row %s", ([, statement, why]) =>
    Effect.gen(function* () {
      const database = yield* ourDatabase
      const admin = yield* clientAs(database, "postgres")
      const id = yield* aRequest(admin, "FAILED")
      yield* audit(admin, id, "a")
      yield* audit(admin, id, "b")
      yield* audit(admin, id, "c", "FAILED")
      assert.deepStrictEqual(yield* broken(database), new Map([[id, undefined]]))
      yield* Effect.forEach(statement.split(";"), (it) => admin.unsafe(it))
      assert.match((yield* broken(database)).get(id)?.why ?? "", why)
    })
  )

  it.live("is looked at once for each request, when they take several pages", () =>
    Effect.gen(function* () {
      const database = yield* ourDatabase
      const admin = yield* clientAs(database, "postgres")
      const count = 2 * trailsOfPage + 1
      yield* admin`INSERT INTO csb_requests (correlation_id, cloud_provider, principal, action, entitlement, account_id)
        SELECT gen_random_uuid(), cloud, 'alice', 'add', 'ReadOnlyAccess', '123456789012'
        FROM generate_series(1, ${count}::int), unnest(ARRAY['aws', 'azure']) AS cloud`
      yield* admin`INSERT INTO csb_requests_audit (correlation_id, status) SELECT correlation_id, 'FAILED' FROM csb_requests`
      const found = yield* Stream.runCollect(verifyTrails(Option.none())).pipe(
        Effect.provide(AuditTrailsSql.pipe(Layer.provide(database.as("postgres"))))
      )
      assert.lengthOf(found, count)
      assert.strictEqual(new Set(found.map(({ correlationId }) => correlationId)).size, count)
      assert.isTrue(found.every(({ broken }) => Option.isSome(broken)))
    })
  )

  it.live("takes no row without a hash", () =>
    Effect.gen(function* () {
      const admin = yield* clientAs(yield* ourDatabase, "postgres")
      const id = yield* aRequest(admin)
      yield* admin`ALTER TABLE csb_requests_audit DISABLE TRIGGER chain_audit`
      assert.match(reasonOf(yield* Effect.flip(audit(admin, id, "x"))), /csb_requests_audit_chained/)
    })
  )
})

describe("a database of before audit rows were chained", () => {
  it.live("serves the worker, and has no trails to be verified", () =>
    Effect.gen(function* () {
      const database = yield* ourDatabase
      const admin = yield* clientAs(database, "postgres")
      yield* unchain(admin)
      const job = aJob()
      yield* Effect.provide(
        Effect.flatMap(JobStore, (store) => store.submit(job)),
        JobStoreSql.pipe(Layer.provide(database.as("csb_api_user")))
      )
      const settled = claimAndSettle(job, "w-1")
      assert.isTrue(yield* Effect.provide(settled, JobStoreSql.pipe(Layer.provide(database.as("csb_aws_user")))))
      assert.match(String(yield* Effect.flip(broken(database))), /migrate/)
    })
  )

  it.live("is migrated while a worker or the API is between a request and its audit row", () =>
    Effect.gen(function* () {
      const database = yield* ourDatabase
      const admin = yield* clientAs(database, "postgres")
      yield* unchain(admin)
      const worker = yield* clientAs(database, "csb_aws_user", "exclusive")
      const id = yield* aRequest(admin)
      const migrating = yield* worker.withTransaction(
        Effect.gen(function* () {
          yield* worker`UPDATE csb_requests SET last_upd_time_stamp = now() WHERE correlation_id = ${id}`
          const migrating = yield* migrate.pipe(
            Effect.provide(connect(inject("postgres"), database.name, "postgres", "single")),
            Effect.provide(NodeServices.layer),
            Effect.forkChild
          )
          yield* admin<{ readonly count: number }>`SELECT count(*)::int AS count FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'`.pipe(
            Effect.repeat({ until: ([row]) => row?.count === 1 })
          )
          yield* audit(worker, id, "one")
          return migrating
        })
      )
      assert.deepStrictEqual(
        (yield* Fiber.join(migrating)).map(([id]) => id),
        [4, 5]
      )
      assert.deepStrictEqual(yield* broken(database), new Map([[id, undefined]]))
    })
  )

  it.live("keeps its rows as they are when it is migrated, and chains what comes after them", () =>
    Effect.gen(function* () {
      const database = yield* ourDatabase
      const admin = yield* clientAs(database, "postgres")
      yield* unchain(admin)
      const [old, both] = [yield* aRequest(admin), yield* aRequest(admin)]
      yield* audit(admin, old, "a")
      yield* audit(admin, both, "a")
      yield* migrate.pipe(
        Effect.provide(connect(inject("postgres"), database.name, "postgres", "single")),
        Effect.provide(NodeServices.layer)
      )
      yield* audit(admin, both, "b")
      const fresh = yield* aRequest(admin)
      yield* audit(admin, fresh, "a")
      assert.deepStrictEqual(
        yield* broken(database),
        new Map([old, both, fresh].toSorted().map((id) => [id, undefined]))
      )
      yield* admin`UPDATE csb_requests_audit SET audit_log = 'x' WHERE hash IS NOT NULL AND correlation_id = ${both}`
      const found = yield* broken(database)
      assert.deepStrictEqual(
        [old, both, fresh].map((id) => found.get(id) === undefined),
        [true, false, true]
      )
    })
  )
})
