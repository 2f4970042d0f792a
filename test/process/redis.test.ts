import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import { aJob } from "../fixture.ts"
import { eventually, runCommand, start, startWorker } from "./program.ts"
import { awaitStatus, commitRow, deadLetterOf, lengths, push, request, World, world } from "./world.ts"
import { inPrivateRedis, privateRedis } from "./privateRedis.ts"

/** Names of the commands that the server has carried out since its counters were reset. */
const commands = Effect.flatMap(World, ({ redis }) =>
  Effect.promise(async () =>
    Array.from((await redis.info("commandstats")).matchAll(/^cmdstat_([^:|]+)/gm), ([, name]) => name)
  )
)

const cutConnections = Effect.flatMap(World, ({ redis }) =>
  Effect.promise(() => redis.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"))
)

/** What the test's own client does between the reset and the look, and the worker beside its jobs. */
const others = new Set(["config", "info", "lmove", "lpush", "setex", "srandmember", "zadd", "zrangebyscore"])

describe.skipIf(inject("redis") === undefined)("Redis", () => {
  it.live.each([
    ["blmove", ["blmove", "del", "lrem"]],
    ["brpop", ["brpop", "del"]]
  ] as const)("sees in the main job by %s no commands but %j", ([mode, expected]) =>
    Effect.gen(function* () {
      const { env, redis } = yield* World
      yield* start({ ...env, REDIS_FETCH_MODE: mode, HTTP_PORT: "0" })
      // A first job comes after all that is done but once, at the start.
      yield* awaitStatus((yield* request({ principal: "bob" })).correlation_id, "SUCCESS")
      yield* Effect.promise(() => redis.config("RESETSTAT"))
      const job = yield* request()
      yield* awaitStatus(job.correlation_id, "SUCCESS")
      const seen = eventually(commands, (names) => names.includes("del"))
      assert.sameMembers(
        (yield* seen).filter((name) => !others.has(name ?? "")),
        [...expected]
      )
      const log = yield* Effect.promise(() => redis.acl("LOG"))
      assert.deepStrictEqual(log, [])
    }).pipe(inPrivateRedis(), Effect.scoped, Effect.provide(world()))
  )

  it.live.each(["blmove", "brpop"] as const)("that cuts the worker's connections gets new ones (%s)", (mode) =>
    Effect.gen(function* () {
      const { env } = yield* World
      const worker = yield* startWorker({ ...env, REDIS_FETCH_MODE: mode })
      for (let cut = 0; cut < 3; cut++) {
        yield* cutConnections
        const job = yield* request()
        yield* awaitStatus(job.correlation_id, "SUCCESS")
        yield* push(`no job ${cut}`)
        yield* eventually(deadLetterOf(`no job ${cut}`), (letter) => letter._tag === "Some")
      }
      yield* eventually(worker.get("/ready"), ({ status }) => status === 200)
      assert.isUndefined(
        worker
          .stdout()
          .split("\n")
          .find((line) => line.includes('"level":"error"'))
      )
    }).pipe(inPrivateRedis(), Effect.scoped, Effect.provide(world()))
  )

  it.live("that moved a payload whose answer never came has it carried out all the same", () =>
    Effect.gen(function* () {
      const { env, queue, redis } = yield* World
      yield* startWorker(env)
      const job = aJob()
      yield* commitRow(job)
      // What BLMOVE leaves behind when the connection breaks between the move and its answer.
      yield* Effect.promise(() => redis.lpush(`{${queue}}:processing:w-1`, JSON.stringify(job)))
      yield* cutConnections
      yield* awaitStatus(job.correlation_id, "SUCCESS")
      yield* eventually(lengths, ([queued, held]) => queued + held === 0)
    }).pipe(inPrivateRedis(), Effect.scoped, Effect.provide(world()))
  )

  it.live.each([
    ["no password", {}],
    ["a wrong password", { REDIS_PASSWORD: "wrong-one" }]
  ] as const)("that asks for a password and gets %s ends the start with 69, naming it and the remedy", ([, changes]) =>
    Effect.gen(function* () {
      const { env } = yield* privateRedis("--requirepass", "right-one")
      const { code, stdout } = yield* runCommand({ ...env, ...changes, HTTP_PORT: "0" }).pipe(
        Effect.timeout("8 seconds")
      )
      assert.strictEqual(code, 69)
      assert.match(stdout, /^[^\n]*cannot use Redis at [^\n]*REDIS_PASSWORD[^\n]*\n$/)
      assert.notInclude(stdout, "wrong-one")
    }).pipe(Effect.scoped, Effect.provide(world()))
  )
})
