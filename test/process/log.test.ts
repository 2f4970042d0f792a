import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import { LocalAws } from "../../local/aws/LocalAws.ts"
import { aJob } from "../fixture.ts"
import { eventually, logOf, runCommand, startWorker } from "./program.ts"
import { awaitStatus, commitRow, deadLetterOf, push, request, World, world } from "./world.ts"

const secrets = {
  database: `db-${randomUUID()}`,
  redis: `redis-${randomUUID()}`,
  aws: `aws-${randomUUID()}`
}

/** The world's environment with secrets that can be told from every other word. */
const withSecrets = Effect.gen(function* () {
  const aws = yield* LocalAws
  const { env, redis, sql } = yield* World
  const name = `worker_${randomUUID().replaceAll("-", "")}`
  yield* sql.unsafe(`CREATE ROLE ${name} LOGIN PASSWORD '${secrets.database}' IN ROLE csb_aws_user`)
  yield* sql.unsafe(`ALTER ROLE ${name} SET search_path = csb_app, public`)
  yield* Effect.acquireRelease(
    Effect.promise(() => redis.acl("SETUSER", name, "on", `>${secrets.redis}`, "~*", "+@all")),
    () => Effect.promise(() => redis.acl("DELUSER", name))
  )
  const accessKeyId = "AKIASECRETSECRET0000"
  aws.world.addMaster({ accessKeyId, secretAccessKey: secrets.aws, accountId: "999999999999", userName: "worker" })
  return {
    ...env,
    DB_USER: name,
    DB_PASSWORD: secrets.database,
    REDIS_USERNAME: name,
    REDIS_PASSWORD: secrets.redis,
    AWS_ACCESS_KEY: accessKeyId,
    AWS_SECRET_KEY: secrets.aws
  }
})

describe.skipIf(inject("redis") === undefined)("the log of a busy worker", () => {
  it.live("is one JSON object a line, and at its most talkative has no secret in it", () =>
    Effect.gen(function* () {
      const aws = yield* LocalAws
      const { database, sql } = yield* World
      const worker = yield* startWorker({ ...(yield* withSecrets), LOG_LEVEL: "trace", RETRY_MAX_ATTEMPTS: "2" })

      aws.faults.add({ principal: "bob", times: 3, effect: { kind: "resetBefore" } })
      const [done, again, failed] = [
        yield* request(),
        yield* request({ principal: "bob" }),
        yield* request({ principal: "nobody" })
      ]
      const mistaken = aJob()
      yield* push(JSON.stringify({ ...mistaken, principal: "bob" }))
      yield* commitRow(mistaken)
      yield* push("no job")
      for (const job of [done, again]) yield* awaitStatus(job.correlation_id, "SUCCESS")
      for (const job of [failed, mistaken]) yield* awaitStatus(job.correlation_id, "FAILED")
      yield* eventually(deadLetterOf("no job"), (letter) => letter._tag === "Some")
      aws.world.expireSessions(done.account_id)
      yield* sql`
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = ${database.name} AND usename LIKE 'worker_%'`
      const last = yield* request({ action: "remove" })
      yield* awaitStatus(last.correlation_id, "SUCCESS")
      yield* worker.signal("SIGTERM")
      assert.strictEqual(yield* worker.exit, 0)

      const sessions = aws.world.sessions().flatMap(({ accessKeyId }) => {
        const { secretAccessKey = "", sessionToken = "" } = aws.world.credentials.find(accessKeyId) ?? {}
        return [secretAccessKey, sessionToken]
      })
      assert.isAtLeast(sessions.length, 4)
      for (const secret of [...Object.values(secrets), ...sessions]) {
        assert.notInclude(worker.stdout() + worker.stderr(), secret)
      }

      assert.strictEqual(worker.stderr(), "")
      const lines = logOf(worker)
      for (const { level, message, timestamp, worker_id } of lines) {
        assert.match(String(timestamp), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
        assert.include(["trace", "debug", "info", "warn", "error", "fatal"], level)
        assert.isString(message)
        assert.isNotEmpty(message)
        assert.strictEqual(worker_id, "w-1")
      }
      assert.deepInclude(
        lines.find((line) => line["correlation_id"] === failed.correlation_id),
        {
          account_id: failed.account_id,
          operation: "AttachUserPolicy",
          error_type: "NoSuchEntity"
        }
      )
    }).pipe(Effect.scoped, Effect.provide(world()))
  )

  it.live.each([
    ["PostgreSQL", { DB_NAME: "nowhere" }],
    ["Redis", { REDIS_USERNAME: "nowhere" }]
  ] as const)("has no secret in it either when %s refuses the start", ([, changes]) =>
    Effect.gen(function* () {
      const env = { ...(yield* withSecrets), LOG_LEVEL: "trace", HTTP_PORT: "0", ...changes }
      const { code, stderr, stdout } = yield* runCommand(env)
      assert.strictEqual(code, 69)
      for (const secret of Object.values(secrets)) assert.notInclude(stdout + stderr, secret)
    }).pipe(Effect.scoped, Effect.provide(world()))
  )
})
