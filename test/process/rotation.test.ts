import { randomUUID } from "node:crypto"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { inject } from "vitest"
import { LocalAws } from "../../local/aws/LocalAws.ts"
import { eventually, startWorker } from "./program.ts"
import { awaitStatus, lengths, request, World, world } from "./world.ts"

/** A file that holds a secret as its mount has it, and how to write another. */
const secretFile = Effect.fnUntraced(function* (secret: string) {
  const files = yield* FileSystem.FileSystem
  const path = yield* files.makeTempFileScoped()
  const write = (text: string) => files.writeFileString(path, `${text}\n`)
  yield* write(secret)
  return { path, write }
})

/** A job that has called AWS, and whose answer takes long enough for the backends to change their minds. */
const jobInFlight = Effect.gen(function* () {
  const aws = yield* LocalAws
  aws.setLatency(200)
  const job = yield* request()
  yield* aws.awaitCall({ operation: "AttachUserPolicy", principal: "alice" })
  return job
})

const without = (env: Readonly<Record<string, string>>, ...names: ReadonlyArray<string>) =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)))

describe.skipIf(inject("redis") === undefined)("a secret in a file that is changed", () => {
  it.live("at Redis, before the file, keeps the worker waiting for the new one, and no job is lost", () =>
    Effect.gen(function* () {
      const { env, redis } = yield* World
      const user = `worker-${randomUUID()}`
      yield* Effect.acquireRelease(
        Effect.promise(() => redis.acl("SETUSER", user, "on", ">old-one", "~*", "+@all")),
        () => Effect.promise(() => redis.acl("DELUSER", user))
      )
      const file = yield* secretFile("old-one")
      const worker = yield* startWorker({ ...env, REDIS_USERNAME: user, REDIS_PASSWORD_FILE: file.path })
      const job = yield* jobInFlight

      yield* Effect.promise(async () => {
        await redis.acl("SETUSER", user, "resetpass", ">new-one")
        await redis.client("KILL", "USER", user)
      })
      yield* eventually(worker.get("/ready"), ({ body }) => body.includes('"redis"'))
      yield* eventually(Effect.sync(worker.stdout), (log) => /no connection to Redis.*WRONGPASS/.test(log))
      assert.strictEqual((yield* awaitStatus(job.correlation_id, "SUCCESS")).audit.length, 2)
      yield* file.write("new-one")
      yield* eventually(lengths, ([queued, held]) => queued + held === 0)
      yield* awaitStatus((yield* request({ principal: "bob" })).correlation_id, "SUCCESS")
      yield* eventually(worker.get("/ready"), ({ status }) => status === 200)
      assert.notMatch(worker.stdout(), /old-one|new-one/)
    }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer), Effect.provide(world()))
  )

  it.live("at PostgreSQL is needed by new connections, and no job is lost", () =>
    Effect.gen(function* () {
      const { env, sql } = yield* World
      const role = `worker_${randomUUID().replaceAll("-", "")}`
      yield* Effect.acquireRelease(sql`CREATE ROLE ${sql(role)} LOGIN PASSWORD 'old-one' IN ROLE csb_aws_user`, () =>
        Effect.orDie(sql`DROP ROLE ${sql(role)}`)
      )
      yield* sql`ALTER ROLE ${sql(role)} SET search_path = csb_app, public`
      const file = yield* secretFile("old-one")
      const worker = yield* startWorker({
        ...without(env, "DB_PASSWORD"),
        DB_USER: role,
        DB_PASSWORD_FILE: file.path
      })
      const job = yield* jobInFlight

      yield* sql`ALTER ROLE ${sql(role)} PASSWORD 'new-one'`
      yield* sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = ${role}`
      yield* eventually(Effect.sync(worker.stdout), (log) => log.includes("password authentication failed"))
      yield* file.write("new-one")
      const { audit } = yield* awaitStatus(job.correlation_id, "SUCCESS")
      assert.strictEqual(audit.length, 2)
      yield* eventually(worker.get("/ready"), ({ status }) => status === 200)
      assert.notMatch(worker.stdout(), /old-one|new-one/)
    }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer), Effect.provide(world()))
  )

  it.live("at AWS is used for the next account", () =>
    Effect.gen(function* () {
      const aws = yield* LocalAws
      const { env } = yield* World
      const [id, secret] = [yield* secretFile(aws.master.accessKeyId), yield* secretFile(aws.master.secretAccessKey)]
      yield* startWorker({
        ...without(env, "AWS_ACCESS_KEY", "AWS_SECRET_KEY"),
        AWS_ACCESS_KEY_FILE: id.path,
        AWS_SECRET_KEY_FILE: secret.path
      })
      yield* awaitStatus((yield* request()).correlation_id, "SUCCESS")

      const rotated = { ...aws.master, accessKeyId: "AKIAROTATEDROTATED00", secretAccessKey: "rotated-secret" }
      aws.world.addMaster(rotated)
      aws.world.addMaster({ ...aws.master, secretAccessKey: "revoked" })
      yield* id.write(rotated.accessKeyId)
      yield* secret.write(rotated.secretAccessKey)
      const accountId = "111122223333"
      aws.world.addAccount({
        accountId,
        handlerRole: { name: "cSecBridgeIAMHandlerRole", externalId: "ext-1" },
        users: ["alice"]
      })
      yield* awaitStatus((yield* request({ account_id: accountId })).correlation_id, "SUCCESS")
      assert.strictEqual(aws.calls.count({ operation: "AssumeRole", outcome: "ok" }), 2)
    }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer), Effect.provide(world()))
  )
})
