import { randomUUID } from "node:crypto"
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import { examine } from "./examine.ts"
import { World, world } from "./world.ts"

/** What it finds after the statements were carried out in the world's database. */
const examineAfter = Effect.fnUntraced(function* (...statements: ReadonlyArray<string>) {
  const { sql } = yield* World
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
  return yield* examine()
})

describe.skipIf(inject("redis") === undefined)("doctor on PostgreSQL", () => {
  it.live("finds the legacy schema well, and what has no index", () =>
    Effect.gen(function* () {
      const found = yield* examine()
      assert.strictEqual(found.code, 0, found.output)
      assert.match(found.of("postgresql schema").detail, /queued, in_progress, success, failed$/)
      assert.deepStrictEqual(found.with("warning"), ["postgresql indexes"])
      assert.match(found.of("postgresql indexes").detail, /older requests .*long queued.*long in_progress.*audit trail/)

      const [byKey, queued, inProgress, trail] = readmeIndexes
      const partly = yield* examineAfter(byKey, queued, trail)
      assert.match(partly.of("postgresql indexes").detail, /^no index for requests long in_progress \(csb_requests\):/)
      assert.isEmpty((yield* examineAfter(inProgress)).with("warning"))
    }).pipe(Effect.provide(world("legacy")))
  )

  it.live("finds a schema that an older version made", () =>
    Effect.gen(function* () {
      const found = yield* examineAfter(
        "DROP TRIGGER chain_audit ON csb_app.csb_requests_audit",
        "ALTER TABLE csb_app.csb_requests_audit DROP previous_hash, DROP hash"
      )
      assert.strictEqual(found.code, 0)
      assert.deepStrictEqual(found.with("warning"), ["postgresql schema"])
      assert.match(found.of("postgresql schema").remedy ?? "", /^Run migrate of this version/)
    }).pipe(Effect.provide(world()))
  )

  layer(world(), { excludeTestServices: true })((it) => {
    it.effect.each([
      ["a wrong password", { DB_PASSWORD: "s3cr3t" }, /password authentication failed/, /DB_PASSWORD/],
      ["an unknown database", { DB_NAME: "nowhere" }, /"nowhere" does not exist/, /^Set DB_NAME/],
      ["a server that is away", { DB_PORT: "1" }, /ECONNREFUSED/, /^Start PostgreSQL/],
      ["a name that is none", { DB_HOST: "nowhere.invalid" }, /ENOTFOUND|EAI_AGAIN/, /^Correct DB_HOST/],
      ["a server without TLS", { DB_SSL: "require" }, /SSL|TLS/, /^Set DB_SSL/]
    ] as const)("finds %s, and goes on elsewhere", ([, changes, detail, remedy]) =>
      Effect.gen(function* () {
        const found = yield* examine(changes)
        assert.strictEqual(found.code, 1)
        assert.deepStrictEqual(found.with("failed"), ["postgresql"])
        assert.match(found.of("postgresql").detail, detail)
        assert.match(found.of("postgresql").remedy ?? "", remedy)
        assert.include(found.with("skipped"), "postgresql indexes")
        assert.include(found.with("ok"), "redis commands")
        assert.notInclude(found.output, "s3cr3t")
      })
    )
  })

  it.live("finds a role that may not log in", () =>
    Effect.gen(function* () {
      const { env, sql } = yield* World
      const name = `closed_${randomUUID()}`
      yield* Effect.acquireRelease(
        sql`CREATE ROLE ${sql(name)} NOLOGIN PASSWORD ${sql.literal(`'${env["DB_PASSWORD"]}'`)}`,
        () => Effect.orDie(sql`DROP ROLE ${sql(name)}`)
      )
      const found = yield* examine({ DB_USER: name })
      assert.match(found.of("postgresql").detail, /not permitted to log in/)
      assert.match(found.of("postgresql").remedy ?? "", /ALTER ROLE … LOGIN/)
    }).pipe(Effect.scoped, Effect.provide(world()))
  )

  it.live.each([
    [
      "no tables",
      "legacy",
      ["DROP TABLE csb_requests, csb_requests_audit, csb_requests_ref"],
      /table csb_requests; table csb_requests_audit/,
      /^Run migrate/
    ],
    [
      "a missing column",
      "ours",
      ["ALTER TABLE csb_app.csb_requests DROP principal CASCADE"],
      /^missing: column csb_requests.principal$/,
      /^Run migrate/
    ],
    [
      "unknown labels",
      "legacy",
      ["ALTER TYPE status_enum RENAME VALUE 'queued' TO 'waiting'"],
      /label PENDING or queued of csb_requests.status/,
      /^Run migrate/
    ],
    [
      "a schema that the role may not use",
      "ours",
      ["REVOKE USAGE ON SCHEMA csb_app FROM csb_aws_user"],
      /^missing: table csb_requests; /,
      /csb_requests is in the schema csb_app: GRANT USAGE ON SCHEMA csb_app TO csb_aws_user/
    ],
    [
      "tables that are not on the search_path",
      "ours",
      ["ALTER SCHEMA csb_app RENAME TO elsewhere"],
      /^missing: table csb_requests; /,
      /schema elsewhere: ALTER ROLE csb_aws_user SET search_path = elsewhere, public/
    ]
  ] as const)("finds %s", ([, schema, statements, detail, remedy]) =>
    Effect.gen(function* () {
      const found = yield* examineAfter(...statements)
      assert.strictEqual(found.code, 1)
      assert.deepStrictEqual(found.with("failed"), ["postgresql schema"])
      assert.match(found.of("postgresql schema").detail, detail)
      assert.match(found.of("postgresql schema").remedy ?? "", remedy)
    }).pipe(Effect.provide(world(schema)))
  )

  it.live("finds each missing grant at once, and says how to give it", () =>
    Effect.gen(function* () {
      const found = yield* examineAfter(
        "REVOKE UPDATE ON csb_app.csb_requests FROM csb_aws_user",
        "REVOKE UPDATE (status, principal_type) ON csb_app.csb_requests FROM csb_aws_user",
        "REVOKE INSERT ON csb_app.csb_requests_ref FROM csb_aws_user"
      )
      assert.strictEqual(found.code, 1)
      assert.deepStrictEqual(found.with("failed"), ["postgresql grants"])
      const { detail, remedy } = found.of("postgresql grants")
      // As table rights go, those on columns go, too. https://www.postgresql.org/docs/current/sql-revoke.html
      const update =
        "UPDATE (status, last_upd_time_stamp, principal_type, entitlement_type, duration_minutes, not_before, attached_before) ON csb_app.csb_requests"
      assert.strictEqual(detail, `csb_aws_user lacks ${update}; INSERT ON csb_app.csb_requests_ref`)
      assert.strictEqual(
        remedy,
        `As the owner: GRANT ${update} TO csb_aws_user; GRANT INSERT ON csb_app.csb_requests_ref TO csb_aws_user`
      )
    }).pipe(Effect.provide(world()))
  )

  it.live("finds a sequence that the role may not use", () =>
    Effect.gen(function* () {
      const found = yield* examineAfter("REVOKE USAGE ON SEQUENCE csb_requests_ref_ref_serial_id_seq FROM csb_aws_user")
      assert.deepStrictEqual(found.with("failed"), ["postgresql grants"])
      assert.match(
        found.of("postgresql grants").remedy ?? "",
        /GRANT USAGE ON SEQUENCE public\.csb_requests_ref_ref_serial_id_seq TO csb_aws_user$/
      )
    }).pipe(Effect.provide(world("legacy")))
  )

  it.live.each([
    [
      "no policy",
      ["DROP POLICY aws_only ON csb_app.csb_requests"],
      /no SELECT of AWS requests in csb_requests, no UPDATE/
    ],
    [
      "a policy that lets nothing through",
      ["ALTER POLICY aws_only ON csb_app.csb_requests USING (false)"],
      /no SELECT .*no UPDATE/
    ],
    [
      "a policy for another cloud",
      ["ALTER POLICY aws_only ON csb_app.csb_requests USING (cloud_provider = 'gcp') WITH CHECK (true)"],
      /no SELECT .*no UPDATE/
    ],
    [
      "a policy for reading alone",
      [
        "DROP POLICY aws_only ON csb_app.csb_requests",
        "CREATE POLICY aws_only ON csb_app.csb_requests FOR SELECT TO csb_aws_user USING (cloud_provider = 'aws')"
      ],
      /^row-level security allows csb_aws_user no UPDATE of AWS requests in csb_requests$/
    ],
    [
      "a closed audit table",
      ["ALTER TABLE csb_app.csb_requests_audit ENABLE ROW LEVEL SECURITY"],
      /no SELECT .* in csb_requests_audit, no INSERT/
    ]
  ] as const)("finds row-level security that hides the rows by %s", ([, statements, detail]) =>
    Effect.gen(function* () {
      const found = yield* examineAfter(...statements)
      assert.strictEqual(found.code, 1)
      assert.deepStrictEqual(found.with("failed"), ["postgresql rows"])
      assert.match(found.of("postgresql rows").detail, detail)
      assert.match(found.of("postgresql rows").remedy ?? "", /CREATE POLICY/)
    }).pipe(Effect.provide(world()))
  )

  it.live("suspects row-level security where the table has rows and none is seen", () =>
    Effect.gen(function* () {
      const found = yield* examineAfter(
        `INSERT INTO csb_app.csb_requests (correlation_id, cloud_provider, principal, action, entitlement, account_id)
          VALUES (gen_random_uuid(), 'aws', 'alice', 'add', 'ReadOnlyAccess', '123456789012')`,
        "ALTER POLICY aws_only ON csb_app.csb_requests USING (cloud_provider = current_setting('app.cloud', true))",
        "SELECT pg_stat_force_next_flush()"
      )
      assert.strictEqual(found.code, 0)
      assert.deepStrictEqual(found.with("warning"), ["postgresql rows"])
      assert.match(found.of("postgresql rows").detail, /sees no AWS request, though csb_requests has some 1 rows/)
    }).pipe(Effect.provide(world()))
  )

  it.live("finds columns of types that the statements cannot use", () =>
    Effect.gen(function* () {
      const found = yield* examineAfter(
        "ALTER TABLE csb_app.csb_requests DROP COLUMN duration_minutes CASCADE, ADD COLUMN duration_minutes timestamptz",
        "GRANT UPDATE (duration_minutes) ON csb_app.csb_requests TO csb_aws_user"
      )
      assert.deepStrictEqual(found.with("failed"), ["postgresql statements"])
      assert.match(found.of("postgresql statements").detail, /^claim: /)
    }).pipe(Effect.provide(world()))
  )

  it.live("finds a database that takes no writes", () =>
    Effect.gen(function* () {
      const { database, sql } = yield* World
      yield* sql`ALTER DATABASE ${sql(database.name)} SET default_transaction_read_only = on`
      const found = yield* examine()
      assert.deepStrictEqual(found.with("failed"), ["postgresql"])
      assert.match(found.of("postgresql").remedy ?? "", /primary/)
    }).pipe(Effect.provide(world()))
  )
})

const longIn = (label: string) => `CREATE INDEX ON csb_requests ((CASE
  WHEN last_upd_time_stamp IS NOT NULL THEN last_upd_time_stamp
  WHEN req_time_stamp IS NOT NULL THEN req_time_stamp
  ELSE '-infinity' END)) WHERE status = '${label}'`

/** As the README gives them. */
const readmeIndexes = [
  "CREATE INDEX ON csb_requests (account_id, principal, entitlement, req_time_stamp) WHERE status IN ('queued', 'in_progress')",
  longIn("queued"),
  longIn("in_progress"),
  "CREATE INDEX ON csb_requests_audit (correlation_id, audit_id)"
] as const
