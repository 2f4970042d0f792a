import { readFile } from "node:fs/promises"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import { LocalAws } from "../../local/aws/LocalAws.ts"
import { commandsOf, keylessCommands } from "../../src/layers/queue/commands.ts"
import { aJob } from "../fixture.ts"
import { eventually, start, startWorker } from "./program.ts"
import { redisUser } from "./redisUser.ts"
import { awaitStatus, commitRow, deadLetterOf, lengths, push, request, World, world } from "./world.ts"

const all = (mode: "blmove" | "brpop") => [...commandsOf("queue:aws", mode), ...keylessCommands(mode)]
/** What is needed for every way a job can go. */
const grants = (mode: "blmove" | "brpop") =>
  all(mode)
    .filter(({ use }) => use !== "probes")
    .map(({ command }) => command)
const forProbes = ["ping", "llen", "lindex"]

describe.skipIf(inject("redis") === undefined)("a Redis ACL", () => {
  const asUser = Effect.fnUntraced(function* (commands: ReadonlyArray<string>) {
    const { env, redis } = yield* World
    const user = yield* redisUser(commands)
    const refused = Effect.promise(async () => {
      const log = await redis.acl("LOG")
      const entries: ReadonlyArray<unknown> = Array.isArray(log) ? log : [log]
      return entries.map((entry) => JSON.stringify(entry)).filter((entry) => entry.includes(user.REDIS_USERNAME))
    })
    return { env: { ...env, ...user }, refused }
  })

  it.live("is in the README with the commands that the worker sends, and no others", () =>
    Effect.gen(function* () {
      const readme = yield* Effect.promise(() => readFile("README.md", "utf8"))
      const [, rules = ""] = /`user worker on [^`+]*(\+[^`]*)`/.exec(readme) ?? []
      assert.sameMembers(
        rules.split(" "),
        all("blmove").map(({ command }) => `+${command}`)
      )
    })
  )

  it.live.each(["blmove", "brpop"] as const)(
    "that grants the commands of %s is enough for every way a job can go",
    (mode) =>
      Effect.gen(function* () {
        const aws = yield* LocalAws
        const { env, refused } = yield* asUser([...grants(mode), ...forProbes])
        const worker = yield* startWorker({
          ...env,
          REDIS_FETCH_MODE: mode,
          RETRY_MAX_ATTEMPTS: "1",
          SHUTDOWN_GRACE: "2 seconds"
        })
        aws.faults.add({ principal: "bob", times: 1, effect: { kind: "error", code: "Throttling" } })
        const [done, again, failed] = [
          yield* request(),
          yield* request({ principal: "bob" }),
          yield* request({ principal: "x" })
        ]
        const mistaken = aJob()
        yield* commitRow(mistaken)
        yield* push(JSON.stringify({ ...mistaken, principal: "bob" }))
        yield* push("no job")
        yield* awaitStatus(done.correlation_id, "SUCCESS")
        yield* awaitStatus(again.correlation_id, "SUCCESS")
        yield* awaitStatus(failed.correlation_id, "FAILED")
        yield* awaitStatus(mistaken.correlation_id, "FAILED")
        yield* eventually(deadLetterOf("no job"), (letter) => letter._tag === "Some")
        yield* eventually(lengths, ([queued, held]) => queued === 0 && held === 0)
        assert.include((yield* worker.get("/metrics")).body, "\ncsb_worker_queue_depth 0")
        assert.deepStrictEqual(yield* refused, [])

        // A drain that gives a job back.
        aws.faults.add({ operation: "DetachUserPolicy", effect: { kind: "hang" } })
        const stuck = yield* request({ action: "remove" })
        yield* aws.awaitCall({ operation: "DetachUserPolicy" })
        yield* worker.signal("SIGTERM")
        assert.strictEqual(yield* worker.exit, 0)
        assert.strictEqual((yield* awaitStatus(stuck.correlation_id, "PENDING")).audit.length, 2)
        assert.deepStrictEqual((yield* lengths).slice(0, 2), [1, 0])
        assert.deepStrictEqual(yield* refused, [])
      }).pipe(Effect.scoped, Effect.provide(world()))
  )

  it.live("may leave out what is for the probes and the metrics alone", () =>
    Effect.gen(function* () {
      const { env } = yield* asUser(grants("brpop"))
      const worker = yield* startWorker({ ...env, REDIS_FETCH_MODE: "brpop" })
      const job = yield* request()
      yield* awaitStatus(job.correlation_id, "SUCCESS")
      const { body } = yield* worker.get("/metrics")
      assert.include(body, 'csb_worker_jobs_total{outcome="success"} 1')
      assert.notInclude(body, "\ncsb_worker_queue_depth ")
    }).pipe(Effect.scoped, Effect.provide(world()))
  )

  it.live.each(["lmove", "sadd", "srem", "srandmember"])(
    "without %s has all jobs done, though without fair shares",
    (denied) =>
      Effect.gen(function* () {
        const { env } = yield* asUser([...grants("blmove").filter((command) => command !== denied), ...forProbes])
        const worker = yield* startWorker({ ...env, ACCOUNT_CONCURRENCY: "1", RECOVERY_INTERVAL: "200 millis" })
        const jobs = yield* Effect.replicateEffect(request(), 6)
        yield* Effect.forEach(jobs, (job) => awaitStatus(job.correlation_id, "SUCCESS"))
        yield* eventually(lengths, ([queued, held]) => queued === 0 && held === 0)
        assert.include((yield* worker.get("/metrics")).body, "\ncsb_worker_queue_depth 0")
        assert.notMatch(worker.stdout(), /"error_type":"Redis/)
      }).pipe(Effect.scoped, Effect.provide(world()))
  )

  it.live("without BLMOVE keeps the worker from being ready, and says how to go on", () =>
    Effect.gen(function* () {
      const { env } = yield* asUser([...grants("brpop"), ...forProbes])
      const worker = yield* start({ ...env, HTTP_HOST: "127.0.0.1", HTTP_PORT: "0" })
      const remedy = /blmove.*REDIS_FETCH_MODE=brpop/
      yield* eventually(Effect.sync(worker.stdout), (text) => remedy.test(text))
      const url = /listening on (http:[^"]+)/.exec(worker.stdout())?.[1] ?? ""
      const ready = yield* Effect.promise(() => fetch(`${url}/ready`))
      assert.strictEqual(ready.status, 503)
      assert.match(yield* Effect.promise(() => ready.text()), remedy)
    }).pipe(Effect.scoped, Effect.provide(world()))
  )
})
