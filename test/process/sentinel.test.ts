import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Redis as Client } from "ioredis"
import { inject } from "vitest"
import { LocalAws } from "../../local/aws/LocalAws.ts"
import type { Job } from "../../src/domain/Job.ts"
import { eventually, runCommand, startWorker } from "./program.ts"
import { kill, startWatched } from "./redisNodes.ts"
import { account, awaitStatus, lengths, request, World, world } from "./world.ts"

const users = Array.from({ length: 30 }, (_, number) => `user-${number}`)

describe.skipIf(inject("redis") === undefined)("Redis behind sentinels", () => {
  it.live("loses no job when its master dies", () =>
    Effect.gen(function* () {
      const aws = yield* LocalAws
      aws.world.addAccount({ accountId: account, users })
      const own = yield* World
      const { REDIS_HOST: _, REDIS_PORT: __, ...env } = own.env
      const { master, sentinel } = yield* startWatched("main", "sentinel-secret")
      const redis = yield* Effect.acquireRelease(
        Effect.sync(() =>
          new Client({ sentinels: [sentinel], name: "main", sentinelPassword: "sentinel-secret" }).on("error", () => {})
        ),
        (client) => Effect.sync(() => client.disconnect())
      )
      const settings = {
        ...env,
        // One that is away is no harm.
        REDIS_SENTINELS: `127.0.0.1:1, ${sentinel.host}:${sentinel.port}`,
        REDIS_SENTINEL_NAME: "main",
        REDIS_SENTINEL_PASSWORD: "sentinel-secret"
      }
      yield* Effect.gen(function* () {
        const worker = yield* startWorker(settings)
        const submit = Effect.forEach((principal: string) => request({ principal }))
        aws.setLatency(20)
        const before = yield* submit(users.slice(0, 20))
        yield* kill(master)
        const after = yield* submit(users.slice(20))
        yield* Effect.forEach([...before, ...after], (job: Job) => awaitStatus(job.correlation_id, "SUCCESS"), {
          concurrency: "unbounded",
          discard: true
        })
        yield* eventually(lengths, ([queued, held]) => queued + held === 0)
        for (const user of users) assert.strictEqual(aws.world.attachments(account, "User", user).length, 1)
        yield* eventually(worker.get("/ready"), ({ status }) => status === 200)
      }).pipe(Effect.provideService(World, World.of({ ...own, redis })))

      for (const [changes, reason] of [
        [{ REDIS_SENTINEL_PASSWORD: "wrong-one" }, /main of 127\.0\.0\.1:1, .*WRONGPASS.*REDIS_SENTINEL_PASSWORD/],
        [{ REDIS_SENTINEL_NAME: "other" }, /other of .*REDIS_SENTINEL_NAME/]
      ] as const) {
        const { code, stdout } = yield* runCommand({ ...settings, ...changes })
        assert.strictEqual(code, 69)
        assert.match(stdout, reason)
        assert.notInclude(stdout, "wrong-one")
      }
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer), Effect.provide(world()))
  )
})
