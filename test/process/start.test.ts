import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import { emptyDatabase } from "../database.ts"
import { runCommand, startWorker } from "./program.ts"
import { World, world } from "./world.ts"

/** The one log line of a start that failed. */
const fatalOf = (stdout: string) => {
  const lines = stdout.split("\n").filter((line) => line !== "")
  assert.strictEqual(lines.length, 1, stdout)
  const line: Record<string, string> = JSON.parse(lines[0] ?? "")
  assert.strictEqual(line["level"], "fatal")
  return line["message"] ?? ""
}

describe("a start with a bad environment", () => {
  it.live("lists every fault in one message, names no value of a secret, and ends with 78", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* runCommand({
        AWS_REGION: "nowhere",
        AWS_SECRET_KEY: "s3cr3t-aws",
        DB_PASSWORD: "s3cr3t-db",
        DB_PORT: "s3cr3t-port",
        JOB_LEASE: "soon",
        WORKER_CONCURRENCY: "0"
      })
      assert.strictEqual(code, 78)
      const message = fatalOf(stdout)
      for (const name of [
        "AWS_REGION",
        "AWS_ACCESS_KEY",
        "DB_HOST",
        "DB_USER",
        "DB_NAME",
        "DB_PORT",
        "REDIS_HOST",
        "JOB_LEASE",
        "WORKER_CONCURRENCY"
      ]) {
        assert.include(message, `${name}: `)
      }
      assert.notInclude(stdout + stderr, "s3cr3t")
    })
  )
})

describe.skipIf(inject("redis") === undefined)("a start without", () => {
  /** Exit status and message of a start in a world whose environment is changed. */
  const failing = (changes: Readonly<Record<string, string>>) =>
    Effect.gen(function* () {
      const { code, stdout } = yield* runCommand({ ...(yield* World).env, HTTP_PORT: "0", ...changes })
      return { code, message: fatalOf(stdout) }
    }).pipe(Effect.provide(world()))

  it.live.each([
    [
      "PostgreSQL",
      { DB_PORT: "1" },
      69,
      /^cannot use PostgreSQL at csb_aws_user@127\.0\.0\.1:1\/.*ECONNREFUSED.*DB_HOST/
    ],
    [
      "its password",
      { DB_PASSWORD: "wrong" },
      69,
      /^cannot use PostgreSQL .*password authentication failed.*DB_PASSWORD/
    ],
    ["its database", { DB_NAME: "nowhere" }, 69, /^cannot use PostgreSQL .*"nowhere" does not exist.*DB_NAME/],
    ["Redis", { REDIS_PORT: "1" }, 69, /^cannot use Redis at 127\.0\.0\.1:1: .*ECONNREFUSED.*REDIS_HOST/],
    [
      "Redis's password",
      { REDIS_USERNAME: "nobody", REDIS_PASSWORD: "wrong" },
      69,
      /^cannot use Redis .*WRONGPASS.*REDIS_PASSWORD/
    ],
    ["a CA file", { DB_SSL: "require", DB_SSL_CA: "/nowhere.pem" }, 78, /DB_SSL_CA: .*nowhere\.pem/]
  ] as const)("%s names it and the remedy in one line", ([, changes, code, message]) =>
    Effect.gen(function* () {
      const failed = yield* failing(changes)
      assert.strictEqual(failed.code, code)
      assert.match(failed.message, message)
      assert.notInclude(failed.message, "\n")
    })
  )

  it.live("the tables names what is missing, and ends with 78", () =>
    Effect.gen(function* () {
      const { name } = yield* emptyDatabase
      const failed = yield* failing({ DB_NAME: name })
      assert.strictEqual(failed.code, 78)
      assert.match(failed.message, /table csb_requests; table csb_requests_audit; table csb_requests_ref.*migrate/)
    })
  )

  it.live("a free port names HTTP_PORT, and ends with 69", () =>
    Effect.gen(function* () {
      const { env } = yield* World
      const worker = yield* startWorker(env)
      const port = /:(\d+)"/.exec(worker.stdout())?.[1] ?? ""
      const { code, stdout } = yield* runCommand({ ...env, HTTP_HOST: "127.0.0.1", HTTP_PORT: port })
      assert.strictEqual(code, 69)
      assert.match(stdout, /EADDRINUSE.*HTTP_PORT/)
    }).pipe(Effect.provide(world()))
  )
})
