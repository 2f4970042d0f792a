import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import { inject } from "vitest"
import { LocalAws } from "../../local/aws/LocalAws.ts"
import { eventually, runCommand, startWorker } from "./program.ts"
import { account, awaitStatus, lengths, request, World, world } from "./world.ts"

const quick = { JOB_LEASE: "2 seconds", RECOVERY_INTERVAL: "200 millis" }
const readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess"

const isAttached = Effect.map(LocalAws, ({ world: aws }) => aws.attachments(account, "User", "alice").length > 0)

/** The ends of a grant. */
const endsOf = (grantId: string) =>
  Effect.gen(function* () {
    const { sql } = yield* World
    return yield* sql<{ id: string; status: string; action: string; client: string | null; minutes: number }>`
      SELECT ending.correlation_id AS id, ending.status::text AS status, ending.action, ending.client_req_id AS client,
        extract(epoch FROM ending.not_before - parent.last_upd_time_stamp)::float8 / 60 AS minutes
      FROM csb_app.csb_requests AS ending JOIN csb_app.csb_requests AS parent ON parent.correlation_id = ending.parent_id
      WHERE parent.correlation_id = ${grantId}`
  })

/** Lets the grant's time be over, and waits for its end; the last audit row of it. */
const endOf = (grantId: string) =>
  Effect.gen(function* () {
    const { sql } = yield* World
    yield* sql`UPDATE csb_app.csb_requests SET not_before = now() WHERE parent_id = ${grantId}`
    const [end] = yield* endsOf(grantId)
    const { audit } = yield* awaitStatus(end?.id ?? "", "SUCCESS")
    return audit.at(-1)?.audit_log ?? ""
  })

const grantFor = (minutes: number) =>
  Effect.gen(function* () {
    const job = yield* request({ duration_minutes: minutes })
    yield* awaitStatus(job.correlation_id, "SUCCESS")
    return job.correlation_id
  })

describe.skipIf(inject("redis") === undefined)("access for a time", () => {
  it.live.each(["blmove", "brpop"] as const)("is granted, and is seen to go when it is over (%s)", (mode) =>
    Effect.gen(function* () {
      const { env, sql } = yield* World
      const worker = yield* startWorker({ ...env, ...quick, REDIS_FETCH_MODE: mode })
      const job = yield* request({ duration_minutes: 60 })
      yield* sql`UPDATE csb_app.csb_requests SET client_req_id = 'c-1' WHERE correlation_id = ${job.correlation_id}`
      yield* awaitStatus(job.correlation_id, "SUCCESS")
      assert.isTrue(yield* isAttached)
      const [end, ...more] = yield* endsOf(job.correlation_id)
      assert.deepInclude(end, { status: "PENDING", action: "remove", client: "c-1:expiry" })
      assert.closeTo(end?.minutes ?? 0, 60, 0.01)
      assert.deepStrictEqual(more, [])

      // A younger request on the key does not wait for what is not due yet.
      assert.match(
        yield* Effect.andThen(grantFor(30), endOf(job.correlation_id)),
        /^Policy left as it is: still held by /
      )
      assert.isTrue(yield* isAttached)
      const [other] = yield* sql<{ parent_id: string }>`
        SELECT parent_id FROM csb_app.csb_requests WHERE parent_id <> ${job.correlation_id}`
      assert.match(yield* endOf(other?.parent_id ?? ""), /^Policy applied, AWS request /)
      assert.isFalse(yield* isAttached)
      yield* eventually(lengths, (all) => all.every((length) => length === 0))
      yield* eventually(worker.get("/metrics"), ({ body }) =>
        body.includes("\ncsb_worker_revocation_delay_seconds_count 2\n")
      )
    }).pipe(Effect.provide(world()))
  )

  /** A worker that is killed after AWS has attached the policy, and before it can say so. */
  const dieGranting = Effect.gen(function* () {
    const aws = yield* LocalAws
    const { env } = yield* World
    aws.faults.add({ operation: "AttachUserPolicy", times: 1, effect: { kind: "hangAfter" } })
    const worker = yield* startWorker({ ...env, ...quick })
    const job = yield* request({ duration_minutes: 60 })
    yield* aws.awaitCall({ operation: "AttachUserPolicy" })
    yield* eventually(isAttached, (it) => it)
    yield* worker.signal("SIGKILL")
    yield* worker.exit
    assert.deepStrictEqual(yield* endsOf(job.correlation_id), [])
    yield* startWorker({ ...env, ...quick, WORKER_ID: `w-${randomUUID()}` })
    const { audit } = yield* awaitStatus(job.correlation_id, "SUCCESS")
    assert.match(audit.at(-1)?.audit_log ?? "", /^Policy found so/)
    assert.strictEqual((yield* endsOf(job.correlation_id)).length, 1)
    return job.correlation_id
  })

  it.live("ends though its worker was killed between AWS's call and its record", () =>
    Effect.gen(function* () {
      assert.match(yield* Effect.flatMap(dieGranting, endOf), /^Policy applied/)
      assert.isFalse(yield* isAttached)
    }).pipe(Effect.provide(world()))
  )

  it.live("leaves what was attached before its killed worker", () =>
    Effect.gen(function* () {
      const { world: aws } = yield* LocalAws
      aws.attach(account, "User", "alice", readOnly)
      assert.strictEqual(
        yield* Effect.flatMap(dieGranting, endOf),
        "Policy left as it is: it was attached before the grant"
      )
      assert.isTrue(yield* isAttached)
    }).pipe(Effect.provide(world()))
  )

  it.live("is refused on a database that cannot end it, which says how it could", () =>
    Effect.gen(function* () {
      const { env, sql } = yield* World
      yield* sql`REVOKE INSERT ON csb_app.csb_requests FROM csb_aws_user`
      yield* startWorker({ ...env, ...quick })
      const refused = yield* request({ duration_minutes: 60 })
      const { audit } = yield* awaitStatus(refused.correlation_id, "FAILED")
      assert.match(audit.at(-1)?.audit_log ?? "", /^DurationUnsupported: .*`migrate`.*DURATION_UNSUPPORTED=ignore/)
      assert.isFalse(yield* isAttached)
      yield* awaitStatus((yield* request()).correlation_id, "SUCCESS")
    }).pipe(Effect.provide(world()))
  )
})

describe("the worker's role", () => {
  const refusalOf = <A>(statement: Effect.Effect<A, SqlError, SqlClient.SqlClient>) =>
    Effect.flatMap(World, ({ database }) => Effect.provide(statement, database.as("csb_aws_user"))).pipe(
      Effect.flip,
      Effect.map(({ reason }) => String(reason.cause))
    )

  it.live("may write the end of a grant for what the grant gives, and no other requests", () =>
    Effect.gen(function* () {
      const { database, sql } = yield* World
      const requested = (type: string | null, minutes: number | null) =>
        Effect.map(
          sql<{ id: string }>`
            INSERT INTO csb_app.csb_requests (correlation_id, cloud_provider, principal, action, entitlement, account_id,
              principal_type, entitlement_type, duration_minutes)
            VALUES (gen_random_uuid(), 'aws', 'alice', 'add', 'ReadOnlyAccess', ${account}, ${type}, 'default', ${minutes})
            RETURNING correlation_id AS id`,
          ([row]) => row?.id ?? null
        )
      const end = {
        parent: yield* requested("User", 60),
        action: "remove",
        status: "PENDING",
        time: "now",
        cloud: "aws",
        account,
        type: "User",
        principal: "alice",
        kind: "default",
        entitlement: "ReadOnlyAccess"
      }
      const insert = (fields: Partial<{ [field in keyof typeof end]: string | null }>) =>
        Effect.flatMap(SqlClient.SqlClient, (worker) => {
          const it = { ...end, ...fields }
          return worker`INSERT INTO csb_requests (correlation_id, client_req_id, status, cloud_provider, principal, action,
              entitlement, account_id, principal_type, entitlement_type, not_before, parent_id)
            VALUES (gen_random_uuid(), NULL, ${it.status}::status_enum, ${it.cloud}, ${it.principal}, ${it.action},
              ${it.entitlement}, ${it.account}, ${it.type}, ${it.kind}, ${it.time}::timestamptz, ${it.parent}::uuid)`
        })
      yield* Effect.provide(insert({}), database.as("csb_aws_user"))
      for (const fields of [
        { action: "add" },
        { parent: null },
        { parent: yield* requested("User", null) },
        { parent: yield* requested(null, 60) },
        { status: "SUCCESS" },
        { status: "IN_PROGRESS" },
        { time: null },
        { cloud: "gcp" },
        { account: "210987654321" },
        { type: "Role" },
        { principal: "mallory" },
        { kind: "custom" },
        { entitlement: "DenyAll" }
      ]) {
        assert.match(yield* refusalOf(insert(fields)), /row-level security/, JSON.stringify(fields))
      }
    }).pipe(Effect.provide(world()))
  )

  it.live(
    "may fill what a request leaves open, but neither change what it asks for nor bring it back once it is done",
    () =>
      Effect.gen(function* () {
        const { database, sql } = yield* World
        const requested = (status: string, type: string | null) =>
          Effect.map(
            sql<{ id: string }>`
            INSERT INTO csb_app.csb_requests (correlation_id, status, cloud_provider, principal, action, entitlement, account_id,
              principal_type, entitlement_type, duration_minutes)
            VALUES (gen_random_uuid(), ${status}::csb_app.status_enum, 'aws', 'alice', 'add', 'AdministratorAccess', ${account},
              ${type}, ${type === null ? null : "custom"}, ${type === null ? null : 60})
            RETURNING correlation_id AS id`,
            ([row]) => row?.id ?? ""
          )
        const update = (id: string, change: string) =>
          Effect.flatMap(SqlClient.SqlClient, (worker) =>
            worker.unsafe(`UPDATE csb_requests SET ${change} WHERE correlation_id = $1::uuid`, [id])
          )
        const told = yield* requested("PENDING", "User")
        const done = yield* requested("SUCCESS", null)
        const worker = database.as("csb_aws_user")
        const allFields = "principal_type = 'Role', entitlement_type = 'default', duration_minutes = 1"
        yield* Effect.provide(update(yield* requested("PENDING", null), allFields), worker)
        yield* Effect.provide(update(told, "status = 'FAILED', principal_type = 'User', duration_minutes = 60"), worker)
        yield* Effect.provide(update(told, "status = 'PENDING'"), worker)
        for (const [id, change] of [
          [told, "principal_type = 'Role'"],
          [told, "principal_type = NULL"],
          [told, "entitlement_type = 'default'"],
          [told, "duration_minutes = 61"],
          [told, "duration_minutes = NULL"],
          [done, "status = 'PENDING'"],
          [done, "duration_minutes = 1"]
        ] as const) {
          assert.match(yield* refusalOf(update(id, change)), /is done, or asks for something else/, change)
        }
        yield* update(done, "status = 'PENDING'").pipe(Effect.provideService(SqlClient.SqlClient, sql))
      }).pipe(Effect.provide(world()))
  )
})

describe.skipIf(inject("redis") === undefined)("grants", () => {
  const by = ["--by", "alice", "--why", 'she\'s "done"; --']

  it.live("says when there are more ends than it shows", () =>
    Effect.gen(function* () {
      const { env, sql } = yield* World
      yield* sql`INSERT INTO csb_app.csb_requests (correlation_id, status, cloud_provider, principal, action, entitlement, account_id)
        VALUES (${randomUUID()}, 'SUCCESS', 'aws', 'alice', 'add', 'ReadOnlyAccess', ${account})`
      yield* sql`INSERT INTO csb_app.csb_requests (correlation_id, status, cloud_provider, principal, action, entitlement, account_id,
          principal_type, entitlement_type, not_before, parent_id)
        SELECT gen_random_uuid(), 'PENDING', 'aws', principal, 'remove', entitlement, account_id, 'User', 'default', now() + interval '1 hour',
          correlation_id FROM csb_app.csb_requests, generate_series(1, 1000)`
      const { code, stderr, stdout } = yield* runCommand(env, "grants")
      assert.strictEqual(code, 0)
      assert.lengthOf(stdout.trim().split("\n"), 1_001)
      assert.strictEqual(stderr, "these are the next 1000 ends; for others name an --account or a --principal\n")
    }).pipe(Effect.provide(world()))
  )

  it.live("shows what ends when, ends it now, and puts it off", () =>
    Effect.gen(function* () {
      const { env, sql } = yield* World
      assert.strictEqual((yield* runCommand(env, "grants")).stdout, "no access that ends\n")
      yield* startWorker({ ...env, RECOVERY_INTERVAL: "200 millis" })
      const id = yield* grantFor(60)
      const [end] = yield* endsOf(id)
      const endId = end?.id ?? ""
      const listed = yield* runCommand(env, "grants", "--account", account, "--principal", "alice")
      assert.match(
        listed.stdout,
        new RegExp(`^ENDS AT .*\\n\\d{4}-\\S+Z +${account} +User alice +default ReadOnlyAccess +${id}\\n$`)
      )
      assert.strictEqual((yield* runCommand(env, "grants", "--principal", "bob")).stdout, "no access that ends\n")
      const [json] = JSON.parse((yield* runCommand(env, "grants", "--json")).stdout)
      assert.deepInclude(json, {
        id,
        endId,
        accountId: account,
        overdue: false,
        status: "PENDING",
        attachedBefore: false
      })

      const extended = yield* runCommand(env, "grants", "extend", id, "--minutes", "15", ...by)
      assert.match(extended.stdout, new RegExp(`^${id} ends \\d{4}-\\S+Z, by request ${endId}\\n$`))
      assert.closeTo((yield* endsOf(id))[0]?.minutes ?? 0, 75, 0.01)

      const ended = yield* runCommand(env, "grants", "end", endId, ...by)
      assert.strictEqual(ended.stdout, `${id} ends now, by request ${endId}\n`)
      const { audit } = yield* awaitStatus(endId, "SUCCESS")
      assert.deepStrictEqual(
        audit.slice(1, 3).map(({ audit_log }) => audit_log),
        [`Due 15 minutes later, by alice: ${by[3]}`, `Due now, by alice: ${by[3]}`]
      )
      assert.isFalse(yield* isAttached)
      assert.strictEqual((yield* runCommand(env, "grants")).stdout, "no access that ends\n")

      const over = yield* runCommand(env, "grants", "extend", id, "--minutes", "15", ...by)
      assert.strictEqual(over.code, 1)
      assert.match(
        over.stderr,
        new RegExp(`^error: the end of ${id}, request ${endId}, is SUCCESS and cannot be moved`)
      )
      const [count] = yield* sql<{ count: number }>`SELECT count(*)::int AS count FROM csb_app.csb_requests`
      assert.strictEqual(count?.count, 2)
    }).pipe(Effect.provide(world()))
  )

  it.live("writes out what would steer the terminal", () =>
    Effect.gen(function* () {
      const { env, sql } = yield* World
      const type = "User\u001b]0;x\u0007\u202e"
      const insert = (action: string, parent: string | null, time: string | null) => sql<{ id: string }>`
        INSERT INTO csb_app.csb_requests (correlation_id, cloud_provider, principal, action, entitlement, account_id, principal_type,
          entitlement_type, not_before, parent_id)
        VALUES (gen_random_uuid(), 'aws', 'alice', ${action}, 'X', ${account}, ${type}, 'custom', ${time}::timestamptz, ${parent})
        RETURNING correlation_id AS id`
      const [grant] = yield* insert("add", null, null)
      yield* insert("remove", grant?.id ?? "", "2100-01-01")
      const { stdout } = yield* runCommand(env, "grants")
      assert.include(stdout, "User\\u001b]0;x\\u0007\\u202e alice")
      assert.notMatch(stdout, /(?!\n)[\p{Cc}\p{Cf}]/u)
    }).pipe(Effect.provide(world()))
  )

  it.live("refuses what it does not know, and texts that would break the trail", () =>
    Effect.gen(function* () {
      const { env } = yield* World
      const id = randomUUID()
      const unknown = yield* runCommand(env, "grants", "end", id, ...by)
      assert.deepStrictEqual([unknown.code, unknown.stdout], [1, ""])
      assert.match(unknown.stderr, new RegExp(`^error: no access that ends has the id ${id};`))
      for (const args of [
        ["--by", "a\nb", "--why", "x"],
        ["--by", "", "--why", "x"],
        ["--by", " ", "--why", "x"],
        ["--by", "a", "--why", "x\u202e"],
        ["--by", "a"],
        ["--by", "a", "--why", "x".repeat(501)]
      ]) {
        const refused = yield* runCommand(env, "grants", "end", id, ...args)
        assert.notStrictEqual(refused.code, 0)
        assert.include(refused.stdout + refused.stderr, "ERROR")
      }
    }).pipe(Effect.provide(world("legacy")))
  )
})
