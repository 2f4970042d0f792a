import { assert, describe, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { inject } from "vitest"
import { ourDatabase } from "../database.ts"
import { aJob } from "../fixture.ts"
import { type Boundary, boundaryNames, waitAt } from "./boundaries.ts"
import { awaitReady, drain, type Replica, startReplicas } from "./Replica.ts"
import { awaitFinal, awaitNothingLeft, commitRow, push, submit, type Trail, trailOf } from "./requests.ts"
import { grace, recoveryBound, tolerance } from "./settings.ts"
import { makeStage, Stage } from "./Stage.ts"

const survivors = 2

/** How the audit trail tells of a request whose worker was lost at the boundary: nothing lost, or claimed anew. */
const once = ["Delivery 1", "Policy applied"]
const anew = (end: string) => ["Delivery 1", "Recovered from a lost worker", "Delivery 1", end]
const expected: Readonly<Record<Boundary, ReadonlyArray<string>>> = {
  taken: once,
  claimed: anew("Policy applied"),
  called: anew("Policy applied"),
  "carried out": anew("Policy found so"),
  answered: anew("Policy found so"),
  settled: once,
  "before the ack": once
}

class Replicas extends Context.Service<Replicas, ReadonlyArray<Replica>>()("test/chaos/Replicas") {
  // One job at a time: so each is in other hands.
  static readonly layer = Layer.effect(
    Replicas,
    startReplicas(boundaryNames.length + survivors, { WORKER_CONCURRENCY: "1", AWS_CALL_TIMEOUT: "3 seconds" })
  )
}

/** A worker at each boundary, with one job there; the principals of the jobs are the round's own. */
const allAtBoundaries = Effect.fnUntraced(function* (round: string) {
  const replicas = yield* Replicas
  const cases = yield* Effect.forEach(
    boundaryNames,
    Effect.fnUntraced(function* (boundary) {
      const job = aJob({ principal: `${round}-${boundary.replaceAll(" ", "-")}` })
      const reached = yield* waitAt(boundary, replicas, { id: job.correlation_id, principal: job.principal })
      // Else the first claim could find no row.
      yield* commitRow(job)
      yield* push(job)
      return { boundary, job, ...(yield* reached) }
    }),
    { concurrency: "unbounded" }
  )
  assert.strictEqual(new Set(cases.map(({ replica }) => replica)).size, boundaryNames.length)
  return cases
})

/** What became of each job, once all is done; the milliseconds that it took are bounded. */
const recovered = Effect.fnUntraced(function* (
  cases: Effect.Success<ReturnType<typeof allAtBoundaries>>,
  since: number
) {
  const { aws } = yield* Stage
  const limit = recoveryBound + tolerance
  const ends = yield* Effect.forEach(
    cases,
    ({ boundary, job }) =>
      Effect.map(awaitFinal(job.correlation_id), (trail) => ({
        boundary,
        principal: job.principal,
        trail,
        took: performance.now() - since
      })),
    { concurrency: "unbounded" }
  )
  for (const { boundary, principal, took, trail } of ends) {
    assert.isBelow(took, limit, boundary)
    assertTrail(boundary, trail)
    assert.strictEqual(trail.references, 1, boundary)
    assert.lengthOf(aws.world.attachments("123456789012", "User", principal), 1, boundary)
    const carriedOut = aws.calls
      .list({ operation: "AttachUserPolicy", principal })
      .filter(({ outcome }) => outcome === "ok" || outcome === "hangAfter")
    assert.lengthOf(carriedOut, 1, boundary)
  }
  yield* awaitNothingLeft
  assert.isBelow(performance.now() - since, limit)
  return ends
})

const assertTrail = (boundary: Boundary, { audit }: Trail) => {
  const logs = audit.map(({ log }) => log)
  const wanted = expected[boundary]
  const fits = logs.length === wanted.length && logs.every((log, index) => log.startsWith(wanted[index] ?? ""))
  assert.isTrue(fits, `${boundary}: ${JSON.stringify(logs)}`)
}

const stage = Layer.unwrap(
  Effect.map(ourDatabase, ({ name }) =>
    makeStage(inject("postgres"), name, inject("redis") ?? { host: "127.0.0.1", port: 1 })
  )
)

const Live = Replicas.layer.pipe(Layer.provideMerge(stage))

describe.skipIf(inject("redis") === undefined)("a worker at each boundary of a job's life", () => {
  layer(Live, { timeout: "60 seconds", excludeTestServices: true })((it) => {
    it.effect("that is stopped for longer than its lease: it changes nothing any more, and works on", () =>
      Effect.gen(function* () {
        const cases = yield* allAtBoundaries("stopped")
        const since = performance.now()
        for (const { replica } of cases) yield* replica.program.signal("SIGSTOP")
        const ends = yield* recovered(cases, since)

        for (const { release, replica } of cases) yield* Effect.andThen(replica.program.signal("SIGCONT"), release)
        const replicas = yield* Replicas
        yield* Effect.forEach(replicas, awaitReady, { concurrency: "unbounded" })
        const more = yield* Effect.forEach(replicas, (_, index) => submit(aJob({ principal: `after-${index}` })))
        for (const job of more) assert.strictEqual((yield* awaitFinal(job.correlation_id)).status, "SUCCESS")
        yield* awaitNothingLeft
        for (const [index, { boundary, trail }] of ends.entries()) {
          assert.deepStrictEqual(yield* trailOf(cases[index]?.job.correlation_id ?? ""), trail, boundary)
        }
      })
    )

    it.effect("that is killed there: others do what it left undone, in time and once", () =>
      Effect.gen(function* () {
        const cases = yield* allAtBoundaries("killed")
        const since = performance.now()
        for (const { replica } of cases) yield* replica.program.signal("SIGKILL")
        yield* recovered(cases, since)
        const alive = (yield* Replicas).filter((replica) => cases.every((it) => it.replica !== replica))
        for (const { code, took } of yield* Effect.forEach(alive, drain, { concurrency: "unbounded" })) {
          assert.strictEqual(code, 0)
          assert.isBelow(took, grace)
        }
      })
    )
  })
})
