import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import { eventually, runCommand, startWorker } from "./program.ts"
import { account, awaitStatus, lengths, recordOf, request, World, world } from "./world.ts"

describe.skipIf(inject("redis") === undefined)("pause and resume", () => {
  it.live("stop and start every worker, and say so", () =>
    Effect.gen(function* () {
      const { env } = yield* World
      const one = yield* startWorker(env)
      const two = yield* startWorker({ ...env, WORKER_ID: "w-2" })
      const paused = yield* runCommand(env, "pause", "--by", "ann", "--why", "OPS-1: who is this?")
      assert.deepStrictEqual([paused.code, paused.stderr], [0, ""])
      assert.match(paused.stdout, /^paused: within a second no worker takes all jobs any more/)
      for (const worker of [one, two]) {
        yield* eventually(
          Effect.sync(() => worker.stdout()),
          (log) => log.includes("paused by ann: OPS-1: who is this?")
        )
      }
      const job = yield* request()
      // A take waits for a second at most; after it, the payload lies where it was.
      yield* eventually(lengths, ([queued, held]) => queued === 1 && held === 0)
      assert.deepInclude(yield* recordOf(job.correlation_id), { status: "PENDING", audit: [] })

      const resumed = yield* runCommand(env, "resume")
      assert.deepStrictEqual([resumed.code, resumed.stdout], [0, "resumed: all jobs are taken again\n"])
      yield* awaitStatus(job.correlation_id, "SUCCESS")
    }).pipe(Effect.provide(world()))
  )

  it.live("of an account, and refuse what makes no sense", () =>
    Effect.gen(function* () {
      const { env } = yield* World
      const none = yield* runCommand(env, "queue")
      assert.notInclude(none.stdout, "PAUSED")
      const paused = yield* runCommand(env, "pause", "--account", account, "--by", "ann", "--why", "OPS-2")
      assert.include(paused.stdout, `the jobs of account ${account}`)
      const shown = yield* runCommand(env, "queue")
      assert.match(
        shown.stdout,
        new RegExp(`\\n {2}PAUSED +SINCE +BY +WHY\\n {2}${account} +\\d{4}-\\S+Z +ann +OPS-2\\n`)
      )
      const never = yield* runCommand(env, "resume", "--account", "210987654321")
      assert.strictEqual(never.code, 1)
      assert.match(never.stderr, /^error: the jobs of account 210987654321 are not paused\. See what is: /)
      assert.strictEqual((yield* runCommand(env, "resume", "--account", account)).code, 0)
      const forged = yield* runCommand(env, "pause", "--by", "ann\nbob", "--why", "x")
      assert.notStrictEqual(forged.code, 0)
    }).pipe(Effect.provide(world()))
  )
})
