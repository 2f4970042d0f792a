import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { inject } from "vitest"
import { emptyDatabase } from "../database.ts"
import { runCommand } from "./program.ts"

const password = "owner-secret"

/** A role that may log in and is no superuser, in an empty database of its own. */
const ownerOfEmpty = (inRole: string) =>
  Effect.gen(function* () {
    const { host, port } = inject("postgres")
    const { as, name } = yield* emptyDatabase
    const owner = `owner_${randomUUID().replaceAll("-", "")}`
    yield* Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* sql.unsafe(`CREATE ROLE ${owner} LOGIN PASSWORD '${password}' ${inRole}`)
      yield* sql.unsafe(`ALTER DATABASE ${name} OWNER TO ${owner}`)
    }).pipe(Effect.provide(as("postgres")))
    return { DB_HOST: host, DB_PORT: String(port), DB_NAME: name, DB_USER: owner, DB_PASSWORD: password }
  })

describe("migrate by an owner who is no superuser, on a server that has the roles", () => {
  it.live("creates the schema when he may act as csb_app", () =>
    Effect.gen(function* () {
      const env = yield* ownerOfEmpty("IN ROLE csb_app")
      const first = yield* runCommand(env, "migrate")
      assert.deepStrictEqual(first, {
        code: 0,
        stdout:
          "schema csb_app: applied 1 create_requests, 2 index_unfinished, 3 end_access, 4 chain_audit, 5 keep_requests\n",
        stderr: ""
      })
      const second = yield* runCommand(env, "migrate")
      assert.deepStrictEqual(second, { code: 0, stdout: "schema csb_app is up to date\n", stderr: "" })
    })
  )

  it.live("says in one line for people why it cannot when he may not", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* runCommand(yield* ownerOfEmpty(""), "migrate")
      assert.notStrictEqual(code, 0)
      assert.strictEqual(stdout, "")
      assert.match(stderr, /^error: [^\n]*(permission denied|csb_app)[^\n]*\n$/)
      assert.notInclude(stderr, password)
    })
  )
})

describe("migrate by a superuser, where everybody may create functions in public", () => {
  it.live("calls none of theirs", () =>
    Effect.gen(function* () {
      const { host, password: own, port, user } = inject("postgres")
      const { as, name } = yield* emptyDatabase
      const run = (role: "postgres" | "csb_aws_user", ...statements: ReadonlyArray<string>) =>
        Effect.flatMap(SqlClient.SqlClient, (sql) => Effect.forEach(statements, (it) => sql.unsafe(it))).pipe(
          Effect.provide(as(role))
        )
      yield* run("postgres", "GRANT CREATE ON SCHEMA public TO PUBLIC")
      yield* run(
        "csb_aws_user",
        "CREATE TABLE public.caught (who text)",
        "GRANT INSERT ON public.caught TO PUBLIC",
        `CREATE FUNCTION public.pg_advisory_lock(integer) RETURNS void LANGUAGE sql
          AS 'INSERT INTO public.caught VALUES (current_user)'`
      )
      const env = { DB_HOST: host, DB_PORT: String(port), DB_NAME: name, DB_USER: user, DB_PASSWORD: own }
      assert.strictEqual((yield* runCommand(env, "migrate")).code, 0)
      assert.deepStrictEqual(yield* run("postgres", "SELECT who FROM public.caught"), [[]])
    })
  )
})
