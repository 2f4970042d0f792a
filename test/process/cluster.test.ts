import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { Cluster } from "ioredis"
import { inject } from "vitest"
import { LocalAws } from "../../local/aws/LocalAws.ts"
import { eventually, start, startWorker } from "./program.ts"
import type { Job } from "../../src/domain/Job.ts"
import { kill, moveSlot, type RedisCluster, startCluster } from "./redisNodes.ts"
import { account, awaitStatus, deadLetterOf, lengths, push, request, World, world } from "./world.ts"

/** What the README tells to grant, and for a cluster. */
const grants =
  "-@all +blmove +lmove +lrange +lrem +lpush +rpush +llen +zadd +zrem +zrangebyscore +sadd +srem +srandmember +multi +exec +del +ping +lindex +cluster|slots +asking"

/** What ioredis tries, too, and does without. */
const dispensable = ["client|setname", "readonly", "readwrite"]

const users = Array.from({ length: 60 }, (_, number) => `user-${number}`)

/** Runs a test in a world whose Redis is a cluster, in which the worker's user may do no more than it needs. */
const inCluster = <A, E, R>(
  test: (
    cluster: RedisCluster & { readonly setPassword: (to: string) => Effect.Effect<void> }
  ) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function* () {
    const world = yield* World
    const { env, queue } = world
    const cluster = yield* startCluster(queue)
    const keys = [`~${queue}`, `~${queue}_error`, `~{${queue}}:*`, "~cache:status:*"]
    const files = yield* FileSystem.FileSystem
    const password = yield* files.makeTempFileScoped()
    const setPassword = Effect.fnUntraced(function* (to: string) {
      for (const { client } of cluster.members) {
        yield* Effect.promise(async () => {
          await client.acl("SETUSER", "worker", "on", "resetpass", `>${to}`, ...keys, ...grants.split(" "))
          await client.client("KILL", "USER", "worker")
        })
      }
      yield* Effect.orDie(files.writeFileString(password, to))
    })
    yield* setPassword("old-one")
    const redis = yield* Effect.acquireRelease(
      Effect.sync(() => new Cluster([cluster.second], { maxRedirections: 200 })),
      (client) => Effect.sync(() => client.disconnect())
    )
    return yield* Effect.provideService(
      test({ ...cluster, setPassword }),
      World,
      World.of({
        ...world,
        redis,
        env: {
          ...env,
          REDIS_CLUSTER: "true",
          // Not the one that will be killed.
          REDIS_PORT: String(cluster.second.port),
          REDIS_USERNAME: "worker",
          REDIS_PASSWORD_FILE: password,
          RETRY_MAX_ATTEMPTS: "1"
        }
      })
    )
  })

describe.skipIf(inject("redis") === undefined)("Redis Cluster", () => {
  it.live(
    "needs two grants more, and loses no job when the password changes, a master dies or the queue's slot moves",
    () =>
      Effect.gen(function* () {
        const aws = yield* LocalAws
        aws.world.addAccount({ accountId: account, users })
        yield* inCluster(({ members, owner, replica, second, setPassword, slot, third }) =>
          Effect.gen(function* () {
            const { env } = yield* World
            yield* Effect.scoped(
              Effect.gen(function* () {
                const mistaken = yield* start({ ...env, REDIS_CLUSTER: "false", HTTP_PORT: "0" })
                yield* eventually(Effect.sync(mistaken.stdout), (log) => log.includes("set REDIS_CLUSTER=true"))
              })
            )
            yield* startWorker(env)
            const submit = Effect.forEach((principal: string) => request({ principal }))
            const done = Effect.forEach((job: Job) => awaitStatus(job.correlation_id, "SUCCESS"), {
              concurrency: "unbounded",
              discard: true
            })

            aws.faults.add({ principal: users[0] ?? "", times: 1, effect: { kind: "error", code: "ServiceFailure" } })
            const first = yield* submit(users.slice(0, 20))
            yield* push("no job")
            yield* done(first)
            yield* eventually(deadLetterOf("no job"), (letter) => letter._tag === "Some")

            yield* setPassword("new-one")
            aws.setLatency(20)
            const before = yield* submit(users.slice(20, 40))
            yield* kill(owner)
            const after = yield* submit(users.slice(40, 45))
            yield* done([...before, ...after])

            const during = yield* submit(users.slice(45))
            yield* moveSlot(slot, replica, second, [third])
            yield* done(during)

            yield* eventually(lengths, ([queued, held]) => queued + held === 0)
            for (const user of users) assert.strictEqual(aws.world.attachments(account, "User", user).length, 1)
            for (const { client } of members.filter((it) => it !== owner)) {
              const log = JSON.stringify(yield* Effect.promise(() => client.acl("LOG")))
              const refused = Array.from(
                log.matchAll(/"reason","command",.*?"object","([^"]+)"/g),
                ([, command]) => command
              )
              assert.includeMembers(dispensable, refused)
            }
          })
        )
      }).pipe(Effect.scoped, Effect.provide(NodeServices.layer), Effect.provide(world()))
  )
})
