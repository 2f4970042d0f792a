import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { Redis as Client } from "ioredis"
import { inject } from "vitest"
import { LocalAws } from "../../local/aws/LocalAws.ts"
import { startWorker } from "../process/program.ts"
import { privateRedis } from "../process/privateRedis.ts"
import { awaitStatus, push, request, World, world } from "../process/world.ts"

const usersFile = readFile("deploy/redis/users.acl", "utf8")

/** Patterns and commands of a user's line, in order. */
const rulesOf = (line: string) =>
  line
    .split(" ")
    .filter((rule) => /^[~+]/.test(rule))
    .toSorted()

/** A connection that asks for nothing but what it is told to. */
const bare = { protocol: 2, disableClientInfo: true, enableReadyCheck: false, maxRetriesPerRequest: 1 } as const

/** A Redis with our users, and one more who sees everything. */
const serverWithUsers = Effect.gen(function* () {
  const folder = yield* Effect.flatMap(FileSystem.FileSystem, (files) => files.makeTempDirectoryScoped())
  const file = join(folder, "users.acl")
  yield* Effect.promise(async () => writeFile(file, `${await usersFile}user admin on >admin ~* &* +@all\n`))
  const { env, server } = yield* privateRedis("--aclfile", file)
  const connect = (credentials: { readonly username?: string; readonly password?: string }) =>
    Effect.acquireRelease(
      Effect.sync(() => new Client({ ...server, ...credentials, ...bare })),
      (client) => Effect.sync(() => client.disconnect())
    )
  return { connect, env }
}).pipe(Effect.provide(NodeServices.layer))

/** What Redis says against it; nothing if it does not. */
const refusal = (command: Promise<unknown>) =>
  Effect.promise(() =>
    command.then(
      () => "",
      (error: Error) => error.message
    )
  )

describe.skipIf(inject("redis") === undefined)("users.acl", () => {
  it.effect("grants the worker what the README tells to grant", () =>
    Effect.promise(async () => {
      const line = (await usersFile).split("\n").find((user) => user.startsWith("user csb_aws_worker ")) ?? ""
      const told = /`(user worker on [^`]+)`/.exec(await readFile("README.md", "utf8"))?.[1] ?? ""
      assert.deepStrictEqual(rulesOf(line), rulesOf(told))
    })
  )

  it.live("grants the worker all that it asks for, and nothing that it never uses", () =>
    Effect.gen(function* () {
      const { connect, env } = yield* serverWithUsers
      const admin = yield* connect({ username: "admin", password: "admin" })
      const aws = yield* LocalAws
      const inside = World.of({
        ...(yield* World),
        queue: "queue:aws",
        redis: admin,
        env: {
          ...env,
          REDIS_QUEUE_AWS: "queue:aws",
          REDIS_USERNAME: "csb_aws_worker",
          REDIS_PASSWORD: "trying-only-worker",
          ACCOUNT_CONCURRENCY: "1",
          RECOVERY_INTERVAL: "200 millis",
          RETRY_MAX_ATTEMPTS: "1",
          SHUTDOWN_GRACE: "2 seconds"
        }
      })
      yield* Effect.gen(function* () {
        // Done, put back and tried again, failed, laid aside for its turn, parked for its account, and no job at all.
        aws.faults.add({ principal: "bob", times: 1, effect: { kind: "error", code: "Throttling" } })
        aws.setLatency(100)
        yield* push("no job")
        const done = yield* Effect.all([
          request(),
          request(),
          request({ principal: "bob" }),
          request({ action: "remove" })
        ])
        const failed = yield* request({ principal: "nobody" })
        const worker = yield* startWorker(inside.env)
        yield* Effect.forEach(done, (job) => awaitStatus(job.correlation_id, "SUCCESS"))
        yield* awaitStatus(failed.correlation_id, "FAILED")
        yield* worker.get("/metrics")
        // A drain that gives a job back.
        aws.faults.add({ effect: { kind: "hang" } })
        const stuck = yield* request({ principal: "bob" })
        yield* awaitStatus(stuck.correlation_id, "IN_PROGRESS")
        yield* worker.signal("SIGTERM")
        assert.strictEqual(yield* worker.exit, 0)
        yield* awaitStatus(stuck.correlation_id, "PENDING")
      }).pipe(Effect.provideService(World, inside))

      const [log, statistics, users] = yield* Effect.promise(() =>
        Promise.all([admin.acl("LOG"), admin.info("commandstats"), usersFile])
      )
      assert.deepStrictEqual(log, [])
      const used = new Set(Array.from(statistics.matchAll(/^cmdstat_(\w+):/gm), ([, command]) => command))
      const granted = /^user csb_aws_worker .*$/m.exec(users)?.[0].match(/(?<=\+)\w+/g)
      assert.deepStrictEqual(
        granted?.filter((command) => !used.has(command)),
        []
      )
    }).pipe(Effect.scoped, Effect.provide(world()))
  )

  it.live("keeps the others from what is not theirs", () =>
    Effect.gen(function* () {
      const { connect } = yield* serverWithUsers
      const api = yield* connect({ username: "csb_api", password: "trying-only-api" })
      yield* Effect.promise(() => api.lpush("queue:aws", "job"))
      yield* Effect.promise(() => api.setex("cache:status:1", 300, "PENDING"))
      assert.strictEqual(yield* Effect.promise(() => api.get("cache:status:1")), "PENDING")
      assert.match(yield* refusal(api.rpop("queue:aws")), /^NOPERM/)
      assert.match(yield* refusal(api.lpush("queue:aws_error", "letter")), /^NOPERM/)

      const scaler = yield* connect({ username: "csb_scaler", password: "trying-only-scaler" })
      const length = "return redis.call('type', KEYS[1]).ok == 'list' and redis.call('llen', KEYS[1])"
      assert.strictEqual(yield* Effect.promise(() => scaler.eval(length, 1, "queue:aws")), 1)
      const theft = "return redis.call('rpop', KEYS[1])"
      assert.match(yield* refusal(scaler.eval(theft, 1, "queue:aws")), /NOPERM|ACL failure|can't run this command/)

      const nobody = yield* connect({})
      assert.match(yield* refusal(nobody.ping()), /^NOAUTH/)
    }).pipe(Effect.scoped, Effect.provide(world()))
  )
})
