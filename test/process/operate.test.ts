import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import { aJob } from "../fixture.ts"
import { operator, said } from "./operator.ts"
import { runCommand } from "./program.ts"
import { account, cached, commitRow, lengths, push, recordOf, World, world } from "./world.ts"

const ids = {
  one: "11111111-1111-4111-8111-111111111111",
  two: "22222222-2222-4222-8222-222222222222"
}

const bury = (letter: unknown) =>
  Effect.flatMap(World, ({ queue, redis }) =>
    Effect.promise(() => redis.lpush(`${queue}_error`, typeof letter === "string" ? letter : JSON.stringify(letter)))
  )
/** Dead letters whose bytes, and so their ids, are the same in each run. */
const letters = {
  binary: {
    id: "6d375df806ce",
    letter: {
      payload_base64: "ewB9/w==",
      reason: "InvalidPayload",
      message: "not UTF-8",
      correlation_id: null,
      worker_id: "w-1",
      failed_at: "2026-11-25T15:00:00.000Z"
    }
  },
  lost: {
    id: "698f603109ac",
    letter: {
      payload: `{ "correlation_id": "${ids.one}", "note": "\u001b[2J\u202e" }`,
      reason: "WorkerLost",
      message: "WorkerLost: 3 workers were lost while they had this job",
      correlation_id: ids.one,
      worker_id: "w-1",
      failed_at: "2026-11-25T15:02:00.000Z"
    }
  }
}

describe.skipIf(inject("redis") === undefined)("the commands of operators", () => {
  it.live("queue tells what waits where, and who lives", () =>
    Effect.gen(function* () {
      const { queue, redis, sql } = yield* World
      const { database, redis: access } = yield* operator
      const job = aJob({ correlation_id: ids.one, received_at: new Date(Date.now() - 192_000).toISOString() })
      const now = Date.now()
      yield* commitRow(job)
      yield* sql`UPDATE csb_app.csb_requests SET status = 'IN_PROGRESS'`
      yield* push(JSON.stringify(job))
      yield* push("no job")
      yield* Effect.promise(async () => {
        await redis.sadd(`{${queue}}:parked`, account, "210987654321")
        await redis.lpush(`{${queue}}:parked:${account}`, "parked", "parked too")
        await redis.zadd(`{${queue}}:delayed`, now, "delayed")
        await redis.zadd(`{${queue}}:workers`, now + 3_600_000, "w-alive", now - 125_000, "w-lost")
        await redis.lpush(`{${queue}}:processing:w-lost`, "held")
      })
      yield* bury(letters.lost.letter)
      const env = { ...access, ...database }

      const shown = yield* runCommand(env, "queue")
      assert.strictEqual(
        shown.stdout
          .replaceAll(queue, "queue:aws")
          .replace(/ at \S+Z/, " at <now>")
          .replace(/3m \d\ds/, "3m ??s")
          .replace(/59m \d\ds/, "59m ??s")
          .replace(/lost 2m \d+s/, "lost 2m ?s"),
        said(
          "queue:aws at <now>",
          "",
          "  depth           4  in the list, and parked",
          `  oldest     3m ??s  request ${ids.one}`,
          "  in flight       1  requests IN_PROGRESS",
          "  parked          2  until their account has room",
          "  delayed         1  until their turn has come",
          "  dead            1  see them: dead list",
          "  workers         1  and 1 lost",
          "",
          "  ACCOUNT       IN FLIGHT  PARKED",
          "  123456789012          1       2",
          "",
          "  WORKER   HELD  HEARTBEAT",
          "  w-alive     0  alive for 59m ??s more",
          "  w-lost      1  lost 2m ?s ago"
        )
      )
      assert.deepStrictEqual([shown.code, shown.stderr], [0, ""])

      const { code, stdout } = yield* runCommand(env, "queue", "--json")
      assert.strictEqual(code, 0)
      const { at, oldest, ...rest } = JSON.parse(stdout)
      assert.match(at, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
      assert.deepInclude(oldest, { correlation_id: ids.one, received_at: job.received_at })
      assert.closeTo(oldest.age_seconds, 192, 30)
      assert.deepStrictEqual(rest, {
        queue,
        depth: 4,
        in_flight: 1,
        parked: 2,
        delayed: 1,
        dead: 1,
        paused: [],
        accounts: [{ account_id: account, in_flight: 1, parked: 2 }],
        workers: [
          { worker_id: "w-alive", alive: true, alive_until: new Date(now + 3_600_000).toISOString(), held: 0 },
          { worker_id: "w-lost", alive: false, alive_until: new Date(now - 125_000).toISOString(), held: 1 }
        ]
      })
    }).pipe(Effect.scoped, Effect.provide(world()))
  )

  it.live("dead list and show tell what lies there, and let no payload steer the terminal", () =>
    Effect.gen(function* () {
      // No database is needed.
      const { redis: env } = yield* operator
      assert.deepStrictEqual(yield* runCommand(env, "dead", "list"), {
        code: 0,
        stdout: "no dead letters\n",
        stderr: ""
      })
      yield* bury("strange")
      yield* bury(letters.binary.letter)
      yield* bury(letters.lost.letter)
      const header =
        "ID            FAILED AT                 REASON          REQUEST                               MESSAGE"
      const binary =
        "6d375df806ce  2026-11-25T15:00:00.000Z  InvalidPayload  -                                     not UTF-8"
      assert.strictEqual(
        (yield* runCommand(env, "dead", "list")).stdout,
        said(
          header,
          `698f603109ac  2026-11-25T15:02:00.000Z  WorkerLost      ${ids.one}  WorkerLost: 3 workers were lost while they had this job`,
          binary,
          "41b3ab146fd0  ?                         Unreadable      -                                     not a dead letter that a worker wrote"
        )
      )
      assert.strictEqual(
        (yield* runCommand(env, "dead", "list", "--limit", "1", "--offset", "1")).stdout,
        said(
          header.replace("                               MESSAGE", "  MESSAGE"),
          binary.replace("                                     not", "        not"),
          "",
          "older ones: --offset 2"
        )
      )
      const listed = yield* runCommand(env, "dead", "list", "--json")
      const [lost, ...older] = JSON.parse(listed.stdout)
      assert.deepStrictEqual(lost, { id: letters.lost.id, ...letters.lost.letter })
      assert.deepStrictEqual(older, [
        { id: letters.binary.id, ...letters.binary.letter },
        {
          id: "41b3ab146fd0",
          reason: "Unreadable",
          message: "not a dead letter that a worker wrote",
          correlation_id: null,
          worker_id: null,
          failed_at: null,
          payload: "strange"
        }
      ])
      assert.include(listed.stdout, String.raw`\u001b[2J\u202e`)

      const shown = yield* runCommand(env, "dead", "show", letters.lost.id)
      assert.strictEqual(
        shown.stdout.replace(/Z, \d+[dhm] \d+[hms] ago/, "Z, <long> ago"),
        said(
          "698f603109ac  WorkerLost",
          "  message    WorkerLost: 3 workers were lost while they had this job",
          `  request    ${ids.one}`,
          "  failed at  2026-11-25T15:02:00.000Z, <long> ago",
          "  worker     w-1",
          String.raw`  payload    { "correlation_id": "${ids.one}", "note": "\u001b[2J\u202e" }`,
          "",
          "  Workers were lost while they had it: their logs may tell why. To try once more: dead replay 698f603109ac --by WHO --why TEXT"
        )
      )
      assert.deepStrictEqual(JSON.parse((yield* runCommand(env, "dead", "show", letters.binary.id, "--json")).stdout), {
        id: letters.binary.id,
        ...letters.binary.letter
      })
    }).pipe(Effect.scoped, Effect.provide(world()))
  )

  it.live("dead drop takes away what is named, or all that there are, but not without a yes", () =>
    Effect.gen(function* () {
      const { redis: env } = yield* operator
      for (const letter of ["strange", letters.binary.letter, letters.lost.letter]) yield* bury(letter)
      const dropped = { code: 0, stdout: "dropped 6d375df806ce: InvalidPayload\n", stderr: "" }
      assert.deepStrictEqual(yield* runCommand(env, "dead", "drop", letters.binary.id), dropped)
      const refused = (reason: string) => ({ code: 1, stdout: "", stderr: `error: ${reason}\n` })
      for (const [args, reason] of [
        [
          [letters.binary.id],
          "there is no dead letter 6d375df806ce. dead list shows those that there are; it may have been replayed or dropped meanwhile"
        ],
        [[], "nothing says which dead letters to drop. Give either their ids, or --all"],
        [["--all"], "drop all 2 dead letters? Nobody can be asked here. If so, say --yes"]
      ] as const) {
        assert.deepStrictEqual(yield* runCommand(env, "dead", "drop", ...args), refused(reason))
      }
      assert.strictEqual((yield* lengths)[2], 2)
      assert.deepStrictEqual(yield* runCommand(env, "dead", "drop", "--all", "--yes"), {
        code: 0,
        stdout: said("dropped 698f603109ac: WorkerLost", "dropped 41b3ab146fd0: Unreadable"),
        stderr: ""
      })
      assert.strictEqual((yield* lengths)[2], 0)

      const { redis } = yield* World
      yield* bury("strange")
      yield* Effect.promise(() => redis.acl("SETUSER", env.REDIS_USERNAME, "-lrem"))
      const denied = yield* runCommand(env, "dead", "drop", "--all", "--yes")
      assert.strictEqual(denied.code, 1)
      assert.match(denied.stderr, /^error: NOPERM [^\n]*\. Grant LREM to the Redis user[^\n]*\n$/)
    }).pipe(Effect.scoped, Effect.provide(world()))
  )

  it.live("dead replay puts back what a worker would carry out, and says what to do about the rest", () =>
    Effect.gen(function* () {
      const { queue, redis, sql } = yield* World
      const { database, redis: access } = yield* operator
      const env = { ...access, ...database }
      const [pending, failed] = [aJob({ correlation_id: ids.one }), aJob({ correlation_id: ids.two, principal: "bob" })]
      for (const job of [pending, failed]) {
        yield* commitRow(job)
        const payload = `  ${JSON.stringify(job)}`
        yield* bury({ ...letters.lost.letter, payload, correlation_id: job.correlation_id })
        yield* Effect.promise(() => redis.set(`cache:status:${job.correlation_id}`, "FAILED"))
      }
      yield* sql`UPDATE csb_app.csb_requests SET status = 'FAILED' WHERE correlation_id = ${ids.two}`

      const all = yield* runCommand(env, "dead", "replay", "--all", "--yes")
      assert.deepStrictEqual(all, {
        code: 1,
        stdout: `replayed 12e2d060efa2: the job of ${ids.one} is in the queue\n`,
        stderr: said(
          `refused cc7c18577afd: request ${ids.two} is FAILED. To put it back, say who wants it and why: retry ${ids.two} --by WHO --why TEXT`,
          "error: 1 of 2 dead letters were refused, and are as they were"
        )
      })
      assert.deepStrictEqual(yield* lengths, [1, 0, 1])

      const half = yield* runCommand(env, "dead", "replay", "cc7c18577afd", "--by", "ann")
      assert.deepStrictEqual(half, {
        code: 1,
        stdout: "",
        stderr: "error: --by and --why belong together. Give both, or neither\n"
      })
      const done = yield* runCommand(env, "dead", "replay", "cc7c18577afd", "--by", "ann", "--why", "OPS-17: mended")
      assert.deepStrictEqual(done, {
        code: 0,
        stdout: `replayed cc7c18577afd: the job of ${ids.two} is in the queue\n`,
        stderr: ""
      })
      assert.deepStrictEqual(
        yield* Effect.promise(() => redis.lrange(queue, 0, -1)),
        [failed, pending].map((job) => `  ${JSON.stringify(job)}`)
      )
      assert.deepStrictEqual(yield* lengths, [2, 0, 0])
      assert.deepStrictEqual(yield* recordOf(ids.two), {
        status: "PENDING",
        audit: [{ status: "PENDING", audit_log: "Retried by ann: OPS-17: mended" }],
        references: []
      })
      assert.deepStrictEqual([yield* cached(ids.one), yield* cached(ids.two)], [0, 0])
    }).pipe(Effect.scoped, Effect.provide(world()))
  )
})
