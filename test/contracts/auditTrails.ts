import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer, Option, Stream } from "effect"
import { AccessDenied } from "../../src/domain/AwsError.ts"
import { Settlement } from "../../src/domain/Settlement.ts"
import { verifyTrails } from "../../src/programs/verify/verifyTrails.ts"
import { AuditTrails } from "../../src/services/AuditTrails.ts"
import { ClaimResult, JobStore } from "../../src/services/JobStore.ts"
import { aJob, waiting } from "../fixture.ts"
import { ApiStore } from "./jobStore.ts"

const denied = new AccessDenied({ code: "AccessDenied", message: "no", operation: "AssumeRole" })

/** What every `AuditTrails` tells of what its `JobStore` writes. */
export const auditTrailsContract = (name: string, layer: Layer.Layer<AuditTrails | JobStore | ApiStore, unknown>) =>
  describe(`AuditTrails: ${name}`, () => {
    const test = (title: string, body: Effect.Effect<void, unknown, AuditTrails | JobStore | ApiStore>) =>
      it.live(title, () => Effect.provide(body, layer))

    const submitted = (accountId: string) =>
      Effect.gen(function* () {
        const job = aJob({ account_id: accountId, principal: `user-${randomUUID()}`, duration_minutes: 60 })
        yield* (yield* ApiStore).submit(job)
        return job
      })
    const ended = (accountId: string, settlement: Settlement) =>
      Effect.gen(function* () {
        const store = yield* JobStore
        const job = yield* submitted(accountId)
        const result = Option.getOrThrow(yield* store.claim(job, { workerId: "w-1", take: "1" }, waiting))
        yield* store.settle(ClaimResult.$is("Claimed")(result) ? result.claim : assert.fail(), settlement)
        return job
      })
    const allPages = (accountId: Option.Option<string>) =>
      Effect.gen(function* () {
        const { page } = yield* AuditTrails
        return yield* Stream.paginate(Option.none<string>(), (after) =>
          Effect.map(page(after, accountId), ({ next, trails }) => [trails, Option.map(next, Option.some)])
        ).pipe(Stream.runCollect)
      })

    test(
      "tells of each request what it says and what its trail says, in order",
      Effect.gen(function* () {
        const account = "100000000001"
        const done = yield* ended(account, Settlement.Succeeded({ requestId: Option.none(), effected: "applied" }))
        const failed = yield* ended(account, Settlement.Failed({ error: denied }))
        const pending = yield* submitted(account)
        const trails = yield* allPages(Option.some(account))
        const ids = trails.map(({ correlationId }) => correlationId)
        assert.deepStrictEqual(ids, ids.toSorted())
        const told = (id: string) => {
          const trail = trails.find(({ correlationId }) => correlationId === id)
          return [trail?.status, trail?.rows.map(({ status }) => status), trail?.accountId]
        }
        assert.deepStrictEqual(told(done.correlation_id), ["SUCCESS", ["PENDING", "IN_PROGRESS", "SUCCESS"], account])
        assert.deepStrictEqual(told(failed.correlation_id), ["FAILED", ["PENDING", "IN_PROGRESS", "FAILED"], account])
        assert.deepStrictEqual(told(pending.correlation_id), ["PENDING", ["PENDING"], account])
        // The three, and the end of the one that is done.
        assert.lengthOf(trails, 4)
        for (const { rows } of trails) {
          const auditIds = rows.map(({ auditId }) => auditId)
          assert.deepStrictEqual(
            auditIds,
            auditIds.toSorted((one, other) => (one < other ? -1 : 1))
          )
        }
      })
    )

    test(
      "tells of an account's requests only, when it is asked for one, however many others there are",
      Effect.gen(function* () {
        const [one, other] = ["100000000002", "100000000003"]
        const jobs = yield* Effect.replicateEffect(submitted(one), 5)
        yield* Effect.replicateEffect(submitted(other), 5)
        const ids = (yield* allPages(Option.some(one))).map(({ correlationId }) => correlationId)
        assert.deepStrictEqual(ids, jobs.map((job) => job.correlation_id).toSorted())
        assert.isAtLeast((yield* allPages(Option.none())).length, 10)
        assert.deepStrictEqual(yield* allPages(Option.some("100000000004")), [])
      })
    )

    test(
      "writes trails that are intact",
      Effect.gen(function* () {
        const account = "100000000005"
        yield* ended(account, Settlement.Failed({ error: denied }))
        yield* ended(account, Settlement.Succeeded({ requestId: Option.some("r-1"), effected: "applied" }))
        yield* ended(account, Settlement.Requeued({ error: denied, delivery: 1 }))
        const verified = yield* Stream.runCollect(verifyTrails(Option.some(account)))
        assert.lengthOf(verified, 4)
        assert.deepStrictEqual(
          verified.map(({ broken }) => broken),
          verified.map(() => Option.none())
        )
      })
    )
  })
