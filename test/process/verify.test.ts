import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import { LocalAws } from "../../local/aws/LocalAws.ts"
import { runCommand, start, startWorker } from "./program.ts"
import { account, awaitStatus, closedAccount, request, World, world } from "./world.ts"

const readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess"
const ann = ["--by", "ann", "--why", "OPS-17"]

/** IAM shows by now what was done. */
const later = Effect.flatMap(
  World,
  ({ sql }) => sql`UPDATE csb_app.csb_requests SET last_upd_time_stamp = last_upd_time_stamp - interval '2 minutes'`
)

const linesOf = ({ stdout }: { readonly stdout: string }) =>
  stdout
    .trimEnd()
    .split("\n")
    .map((line): Record<string, unknown> => JSON.parse(line))

describe.skipIf(inject("redis") === undefined)("verify", () => {
  it.live("finds what was changed behind its back, and repairs it by ordinary requests", () =>
    Effect.gen(function* () {
      const { database, env, sql } = yield* World
      const { world: aws } = yield* LocalAws
      const worker = yield* startWorker(env)
      const granted = yield* request({ principal: "alice" })
      yield* awaitStatus(granted.correlation_id, "SUCCESS")
      const removed = yield* request({ principal: "bob", action: "remove" })
      yield* awaitStatus(removed.correlation_id, "SUCCESS")
      yield* later
      const clean = yield* runCommand(env, "verify")
      assert.deepStrictEqual(
        [clean.code, clean.stdout, clean.stderr],
        [
          0,
          "audit trails 2: 0 broken; accounts 1, attachments compared 2: 0 missing, 0 unexpected, 0 ended but attached, 0 not verified\n",
          ""
        ]
      )

      aws.detach(account, "User", "alice", readOnly)
      aws.attach(account, "User", "bob", readOnly)
      const found = yield* runCommand(env, "verify", "--account", account)
      assert.strictEqual(found.code, 1)
      assert.deepStrictEqual(found.stdout.split("\n").slice(0, 4), [
        `✗ missing       ${account}  User alice  default ReadOnlyAccess: granted by request ${granted.correlation_id}, and not attached`,
        "                → to submit an add: verify --repair --by WHO --why TEXT",
        `✗ unexpected    ${account}  User bob  default ReadOnlyAccess: detached by request ${removed.correlation_id}, and attached`,
        "                → to submit a remove: verify --repair --by WHO --why TEXT"
      ])
      assert.match(found.stderr, /^error: not as recorded: 2 findings/)

      const refused = yield* runCommand(env, "verify", "--repair", ...ann)
      assert.strictEqual(refused.code, 1)
      assert.match(refused.stderr, /^error: --repair submits requests, and csb_aws_user .*CREATE ROLE csb_operator/)
      assert.strictEqual((yield* runCommand(env, "verify", "--repair", "--by", "ann")).code, 1)

      // What the refusal says to do; roles are the whole server's.
      const role = `operator_${database.name}`
      yield* sql.unsafe(`CREATE ROLE ${role} LOGIN PASSWORD '${env["DB_PASSWORD"]}' IN ROLE csb_api_user`)
      yield* Effect.addFinalizer(() => Effect.ignore(sql.unsafe(`DROP OWNED BY ${role}; DROP ROLE ${role}`)))
      yield* sql.unsafe(`GRANT SELECT ON csb_app.csb_requests_audit TO ${role}`)
      yield* sql.unsafe(`ALTER ROLE ${role} SET search_path = csb_app, public`)
      const repaired = yield* runCommand({ ...env, DB_USER: role }, "verify", "--json", "--repair", ...ann)
      assert.strictEqual(repaired.code, 1)
      const [missing, unexpected, last] = linesOf(repaired)
      assert.deepInclude(missing, { finding: "missing", principal: "alice", request: granted.correlation_id })
      assert.deepInclude(unexpected, { finding: "unexpected", principal: "bob", request: removed.correlation_id })
      assert.deepInclude(last?.["summary"], { compared: 2, missing: 1, unexpected: 1, submitted: 2 })

      const submitted = yield* sql<{ id: string }>`
        SELECT correlation_id AS id FROM csb_app.csb_requests_audit WHERE audit_log = 'Submitted by ann: OPS-17'`
      assert.lengthOf(submitted, 2)
      for (const { id } of submitted) yield* awaitStatus(id, "SUCCESS")
      assert.deepStrictEqual(aws.attachments(account, "User", "alice"), [readOnly])
      assert.deepStrictEqual(aws.attachments(account, "User", "bob"), [])
      yield* later
      assert.strictEqual((yield* runCommand(env, "verify")).code, 0)
      yield* worker.signal("SIGTERM")
    }).pipe(Effect.scoped, Effect.provide(world()))
  )

  it.live("goes on past an account that it cannot enter, with sessions for reading whatever jobs have", () =>
    Effect.gen(function* () {
      const { env, sql } = yield* World
      const { world: aws } = yield* LocalAws
      for (const id of [account, closedAccount]) {
        yield* sql`WITH requested AS (
            INSERT INTO csb_app.csb_requests (correlation_id, status, cloud_provider, principal, action, entitlement, account_id,
              principal_type, entitlement_type)
            VALUES (gen_random_uuid(), 'SUCCESS', 'aws', 'alice', 'add', 'ReadOnlyAccess', ${id}, 'user', 'default')
            RETURNING correlation_id
          )
          INSERT INTO csb_app.csb_requests_audit (correlation_id, status) SELECT correlation_id, 'SUCCESS' FROM requested`
      }
      aws.attach(account, "User", "alice", readOnly)
      const { code, stdout } = yield* runCommand({ ...env, AWS_SESSION_SCOPE: "job" }, "verify", "--json")
      assert.strictEqual(code, 1)
      const [closed, last] = linesOf({ stdout })
      assert.deepInclude(closed, { finding: "not verified", account_id: closedAccount, principal: null })
      assert.match(String(closed?.["detail"]), /^AccessDenied: .*\(AssumeRole\)$/)
      assert.deepInclude(last?.["summary"], { accounts: 2, compared: 1, missing: 0, not_verified: 1 })
      const [session] = aws.sessions(account)
      assert.notMatch(session?.policy ?? "", /Attach(?:User|Role)Policy|iam:Detach/)
      assert.strictEqual((yield* runCommand(env, "verify", "--after", account, "--json")).code, 1)
      assert.strictEqual((yield* runCommand(env, "verify", "--after", closedAccount)).code, 0)

      yield* sql`UPDATE csb_app.csb_requests_audit SET audit_log = 'x'
        WHERE correlation_id = (SELECT correlation_id FROM csb_app.csb_requests WHERE account_id = ${account})`
      const tampered = yield* runCommand(env, "verify", "--account", account)
      assert.strictEqual(tampered.code, 1)
      assert.match(tampered.stdout, /^✗ broken trail .*: it does not say what it said when it was written\n/)
      assert.match(tampered.stderr, /, 1 audit trails broken\n$/)
    }).pipe(Effect.provide(world()))
  )

  it.live("says on Ctrl-C where to go on", () =>
    Effect.gen(function* () {
      const { env, sql } = yield* World
      const { awaitCall, faults } = yield* LocalAws
      yield* sql`INSERT INTO csb_app.csb_requests (correlation_id, status, cloud_provider, principal, action, entitlement, account_id,
          principal_type, entitlement_type)
        SELECT gen_random_uuid(), 'SUCCESS', 'aws', 'alice', 'add', 'ReadOnlyAccess', id, 'User', 'default'
        FROM unnest(${[account, closedAccount]}::text[]) AS id`
      faults.add({ operation: "AssumeRole", accountId: closedAccount, effect: { kind: "hang" } })
      const running = yield* start(env, "verify")
      yield* awaitCall({ operation: "AssumeRole", accountId: closedAccount })
      yield* running.signal("SIGINT")
      assert.notStrictEqual(yield* running.exit, 0)
      assert.strictEqual(running.stderr(), `not finished: continue with --after ${account}\n`)
    }).pipe(Effect.scoped, Effect.provide(world()))
  )

  it.live(
    "says of a legacy database that it cannot verify it, and why, and takes one account or those behind one",
    () =>
      Effect.gen(function* () {
        const { env } = yield* World
        const { code, stderr } = yield* runCommand(env, "verify")
        assert.strictEqual(code, 1)
        assert.match(
          stderr,
          /^error: cannot verify: rows of this schema do not say .* a legacy database cannot be verified/
        )
        const nowhere = yield* runCommand(env, "verify", "--account", account, "--after", account)
        assert.strictEqual(nowhere.code, 1)
        assert.match(nowhere.stderr, /^error: --account and --after exclude each other/)
      }).pipe(Effect.provide(world("legacy")))
  )
})
