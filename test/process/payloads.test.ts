import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import { LocalAws } from "../../local/aws/LocalAws.ts"
import { aJob } from "../fixture.ts"
import { eventually, startWorker } from "./program.ts"
import { account, awaitStatus, commitRow, lengths, push, recordOf, request, World, world } from "./world.ts"

/** As Python's json.dumps writes it: None for what is missing, a time with an offset, and the type in small letters. */
const pythonic = (job: object) =>
  JSON.stringify(
    {
      ...job,
      client_request_id: null,
      target_cloud: "aws",
      principal_type: "user",
      duration_minutes: null,
      received_at: "2026-01-31T09:15:00.123456+00:00"
    },
    null,
    1
  ).replaceAll(/\n */g, " ")

/** The same numbers on each run: https://en.wikipedia.org/wiki/Linear_congruential_generator */
const numbers = (seed: number) => {
  let state = seed
  return (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** A payload of which some bytes were changed, dropped, or came twice. */
const spoilt = (payload: string, next: (below: number) => number) => {
  const bytes = Array.from(Buffer.from(payload))
  for (let change = next(4); change >= 0; change--) {
    const at = next(bytes.length)
    const kind = next(3)
    if (kind === 0) bytes[at] = next(256)
    else if (kind === 1) bytes.splice(at, 1 + next(8))
    else bytes.splice(at, 0, ...bytes.slice(at, at + 1 + next(8)))
  }
  return Buffer.from(bytes)
}

describe.skipIf(inject("redis") === undefined)("payloads", () => {
  it.live("of a Python producer are taken as they come", () =>
    Effect.gen(function* () {
      yield* startWorker((yield* World).env)
      const job = yield* request({}, pythonic)
      yield* awaitStatus(job.correlation_id, "SUCCESS")
    }).pipe(Effect.provide(world()))
  )

  it.live("spoilt in any way neither stop the worker nor vanish, and no other request is touched", () =>
    Effect.gen(function* () {
      const aws = yield* LocalAws
      const { env, queue, redis } = yield* World
      const bystander = aJob({ principal: "bob" })
      yield* commitRow(bystander)
      const next = numbers(20_260_131)
      const sent: Array<{ readonly id: string; readonly payload: Buffer }> = []
      for (let count = 0; count < 150; count++) {
        // Each on a key of its own, so that none waits for one that is lost.
        const job = aJob({ account_id: String(300_000_000_000 + count) })
        aws.world.addAccount({
          accountId: job.account_id,
          handlerRole: { name: "cSecBridgeIAMHandlerRole", externalId: "ext-1" },
          users: ["alice"]
        })
        yield* commitRow(job)
        const payload = spoilt(JSON.stringify(job), next)
        sent.push({ id: job.correlation_id, payload })
        yield* push(payload)
      }
      const worker = yield* startWorker(env)
      yield* eventually(lengths, ([queued, held]) => queued + held === 0)

      const letters = new Set(
        (yield* Effect.promise(() => redis.lrange(`${queue}_error`, 0, -1))).map((letter) => {
          const fields: Readonly<Record<string, string>> = JSON.parse(letter)
          return fields["payload_base64"] ?? Buffer.from(fields["payload"] ?? "").toString("base64")
        })
      )
      for (const { id, payload } of sent) {
        const { audit, status } = yield* recordOf(id)
        const kept = letters.has(payload.toString("base64"))
        assert.isTrue(kept || status === "SUCCESS" || status === "FAILED", payload.toString("latin1"))
        // What was carried out is what the row asked for.
        if (status === "SUCCESS") assert.lengthOf(audit, 2)
        assert.include(["PENDING", "SUCCESS", "FAILED"], status)
      }
      assert.strictEqual((yield* recordOf(bystander.correlation_id)).status, "PENDING")
      assert.strictEqual((yield* worker.get("/health")).status, 200)
      const good = yield* request({ account_id: account })
      yield* awaitStatus(good.correlation_id, "SUCCESS")
    }).pipe(Effect.provide(world()))
  )
})
