import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { inject } from "vitest"
import { emptyDatabase } from "../database.ts"
import { runCommand, startWorker } from "./program.ts"
import { awaitStatus, request, World, world } from "./world.ts"

const server = () => {
  const { host, password, port, user } = inject("postgres")
  return { DB_HOST: host, DB_PORT: String(port), DB_USER: user, DB_PASSWORD: password }
}

describe("the command line", () => {
  it.live.each([
    "",
    "run",
    "migrate",
    "doctor",
    "submit",
    "status",
    "retry",
    "queue",
    "dead",
    "dead list",
    "dead show",
    "dead replay",
    "dead drop",
    "role-template",
    "grants",
    "grants end",
    "grants extend",
    "pause",
    "resume"
  ])("%s --help explains itself", (command) =>
    Effect.gen(function* () {
      const { code, stdout } = yield* runCommand({}, ...command.split(" ").filter((word) => word !== ""), "--help")
      assert.strictEqual(code, 0)
      assert.include(stdout, `USAGE\n  worker-service-aws ${command}`.trimEnd())
    })
  )

  it.live.each([
    ["an unknown command", ["frobnicate"]],
    ["a missing flag", ["submit"]],
    [
      "a bad account",
      [
        "submit",
        "--account",
        "1",
        "--principal",
        "a",
        "--principal-type",
        "User",
        "--action",
        "add",
        "--entitlement",
        "X"
      ]
    ],
    ["a bad id", ["status", "17"]]
  ] as const)("refuses %s", ([, args]) =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* runCommand({}, ...args)
      assert.notStrictEqual(code, 0)
      assert.include(stdout + stderr, "ERROR")
    })
  )

  const database = "DB_HOST: missing; DB_USER: missing; DB_PASSWORD: missing; DB_NAME: missing"
  it.live.each([
    ["migrate", database],
    [`status ${randomUUID()}`, database],
    ["dead list", "REDIS_HOST: missing"],
    ["queue", `${database}; REDIS_HOST: missing`]
  ] as const)("tells %s what it lacks, and no more", ([command, lacks]) =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* runCommand({}, ...command.split(" "))
      assert.deepStrictEqual(
        { code, stderr, stdout },
        { code: 78, stderr: `error: bad environment: ${lacks}\n`, stdout: "" }
      )
    })
  )

  it.live.each([
    ["dead list", "Redis", "REDIS_HOST"],
    [`status ${randomUUID()}`, "PostgreSQL", "DB_HOST"]
  ] as const)("%s ends with 69 while %s is away", ([command, backend, variable]) =>
    Effect.gen(function* () {
      const away = {
        REDIS_HOST: "127.0.0.1",
        REDIS_PORT: "1",
        DB_HOST: "127.0.0.1",
        DB_PORT: "1",
        DB_USER: "u",
        DB_PASSWORD: "p",
        DB_NAME: "d"
      }
      const { code, stderr } = yield* runCommand(away, ...command.split(" "))
      assert.strictEqual(code, 69)
      assert.match(stderr, new RegExp(`^error: cannot use ${backend} at [^\n]*${variable}[^\n]*\n$`))
    })
  )
})

describe("migrate", () => {
  it.live("may be run again and again, by a superuser and by an owner, on a server that has the roles", () =>
    Effect.gen(function* () {
      const { as, name } = yield* emptyDatabase
      const owner = `owner_${randomUUID().replaceAll("-", "")}`
      yield* Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`CREATE ROLE ${sql(owner)} LOGIN PASSWORD ${sql.literal(`'${inject("postgres").password}'`)} IN ROLE csb_app`
      }).pipe(Effect.provide(as("postgres")))
      const asSuperuser = { ...server(), DB_NAME: name }
      const first = yield* runCommand(asSuperuser, "migrate")
      assert.deepStrictEqual(first, {
        code: 0,
        stdout:
          "schema csb_app: applied 1 create_requests, 2 index_unfinished, 3 end_access, 4 chain_audit, 5 keep_requests\n",
        stderr: ""
      })
      const again = { code: 0, stdout: "schema csb_app is up to date\n", stderr: "" }
      assert.deepStrictEqual(yield* runCommand(asSuperuser, "migrate"), again)
      assert.deepStrictEqual(yield* runCommand({ ...asSuperuser, DB_USER: owner }, "migrate"), again)
      const owners = yield* Effect.flatMap(
        SqlClient.SqlClient,
        (sql) => sql`SELECT DISTINCT tableowner::text FROM pg_tables WHERE schemaname = 'csb_app'`
      ).pipe(Effect.provide(as("postgres")))
      assert.deepStrictEqual(owners, [{ tableowner: "csb_app" }])
    })
  )

  it.live("may be run by two at once", () =>
    Effect.gen(function* () {
      const { name } = yield* emptyDatabase
      const run = runCommand({ ...server(), DB_NAME: name }, "migrate")
      const results = yield* Effect.all([run, run, run], { concurrency: "unbounded" })
      assert.deepStrictEqual(
        results.map(({ code }) => code),
        [0, 0, 0]
      )
    })
  )

  it.live("gives the worker no right to change what a request asks for", () =>
    Effect.gen(function* () {
      const { database } = yield* World
      const error = yield* Effect.flatMap(
        SqlClient.SqlClient,
        (sql) => sql`UPDATE csb_requests SET entitlement = 'AdministratorAccess'`
      ).pipe(Effect.provide(database.as("csb_aws_user")), Effect.flip)
      assert.include(String(error.reason.cause), "permission denied")
    }).pipe(Effect.provide(world()))
  )
})

describe.skipIf(inject("redis") === undefined)("submit and status", () => {
  const submit = (env: Readonly<Record<string, string>>, ...more: ReadonlyArray<string>) =>
    runCommand(
      { ...env, DB_USER: "csb_api_user" },
      "submit",
      ..."--account 123456789012 --principal alice --principal-type User --action add --entitlement ReadOnlyAccess".split(
        " "
      ),
      ...more
    )

  it.live("submit prints the id of a request that the worker carries out, and status shows how", () =>
    Effect.gen(function* () {
      const { env } = yield* World
      const { code, stdout } = yield* submit(env)
      assert.strictEqual(code, 0)
      const id = stdout.trim()
      assert.match(id, /^[0-9a-f-]{36}$/)
      yield* startWorker(env)
      yield* awaitStatus(id, "SUCCESS")
      const shown = yield* runCommand(env, "status", id)
      assert.strictEqual(shown.code, 0)
      for (const part of [
        `${id}  SUCCESS`,
        "add default ReadOnlyAccess to User alice in account 123456789012",
        "AWS request ",
        "Submitted",
        "Delivery 1, claimed by w-1",
        "Policy applied"
      ]) {
        assert.include(shown.stdout, part)
      }
    }).pipe(Effect.provide(world()))
  )

  it.live("status knows the legacy schema, too", () =>
    Effect.gen(function* () {
      const { env } = yield* World
      yield* startWorker(env)
      const job = yield* request()
      yield* awaitStatus(job.correlation_id, "success")
      const { stdout } = yield* runCommand(env, "status", job.correlation_id)
      assert.include(stdout, `${job.correlation_id}  success`)
    }).pipe(Effect.provide(world("legacy")))
  )

  it.live("status ends with 1 for a request that nobody knows", () =>
    Effect.gen(function* () {
      const { env } = yield* World
      const { code, stderr } = yield* runCommand(env, "status", randomUUID())
      assert.strictEqual(code, 1)
      assert.match(stderr, /^error: no AWS request with the correlation id/)
    }).pipe(Effect.provide(world()))
  )

  it.live("submit refuses a duration of nothing", () =>
    Effect.gen(function* () {
      const { env } = yield* World
      const { code, stderr } = yield* submit(env, "--duration", "0")
      assert.notStrictEqual(code, 0)
      assert.include(stderr, "duration")
    }).pipe(Effect.provide(world()))
  )
})
