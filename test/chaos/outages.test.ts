import { assert, describe, layer } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Context, Effect, Layer } from "effect"
import { inject } from "vitest"
import { aJob } from "../fixture.ts"
import { eventually } from "../process/program.ts"
import { cutFiveTimes, type Outage, outages } from "./outages.ts"
import { PrivateServers, privateStage } from "./PrivateServers.ts"
import { awaitReady, drain, type Replica, startReplica, startReplicas } from "./Replica.ts"
import { awaitFinal, awaitNothingLeft, awaitServers, commitRow, push, submit } from "./requests.ts"
import { grace, lease, orphanAfter, returnBound, sweepInterval, tolerance } from "./settings.ts"
import { Stage } from "./Stage.ts"

class Replicas extends Context.Service<Replicas, ReadonlyArray<Replica>>()("test/chaos/Replicas") {
  static readonly layer = Layer.effect(Replicas, startReplicas(3))
}

const Live = Replicas.layer.pipe(
  Layer.provideMerge(privateStage(inject("redisBinary") ?? "redis-server")),
  Layer.provide(NodeServices.layer)
)

const untilReady = (part: RegExp, replicas: ReadonlyArray<Replica>) =>
  Effect.forEach(replicas, (replica) => eventually(replica.ready, (it) => it?.status === 503 && part.test(it.body)), {
    concurrency: "unbounded"
  })

/** Every replica is ready, and a job that is submitted now is done in time. */
const goesOn = Effect.gen(function* () {
  const since = performance.now()
  yield* awaitServers
  const job = yield* submit(aJob({ principal: `after-${since}` }))
  assert.strictEqual((yield* awaitFinal(job.correlation_id)).status, "SUCCESS")
  assert.isBelow(performance.now() - since, returnBound)
  yield* Effect.forEach(yield* Replicas, awaitReady, { concurrency: "unbounded" })
  assert.isBelow(performance.now() - since, returnBound + tolerance)
})

const jobs = (name: string, number: number) =>
  Array.from({ length: number }, (_, index) => aJob({ principal: `${name}-${index}` }))

const awaitAllDone = Effect.fnUntraced(function* (all: ReadonlyArray<ReturnType<typeof aJob>>) {
  const { aws } = yield* Stage
  for (const { correlation_id, principal } of all) {
    const trail = yield* awaitFinal(correlation_id)
    assert.deepStrictEqual([trail.status, trail.references], ["SUCCESS", 1], JSON.stringify(trail))
    assert.lengthOf(aws.world.attachments("123456789012", "User", principal), 1)
  }
  yield* awaitNothingLeft
})

describe.skipIf(inject("redisBinary") === undefined)("three replicas, while", () => {
  layer(Live, { timeout: "60 seconds", excludeTestServices: true })((it) => {
    // The other two have tests of their own below.
    const { "Redis turned read-only replica": readOnly, "no connection to PostgreSQL left": noConnection } = outages
    const short: ReadonlyArray<[string, Outage]> = Object.entries({ noConnection, readOnly })
    it.effect.each(short)("%s: say which part is away, and go on by themselves", ([name, outage]) =>
      Effect.gen(function* () {
        const before = yield* Effect.forEach(jobs(name.replaceAll(" ", "-"), 6), submit, { concurrency: "unbounded" })
        yield* outage.begin
        yield* untilReady(outage.part, yield* Replicas)
        yield* outage.end
        yield* goesOn
        yield* awaitAllDone(before)
      })
    )

    it.effect("connections are cut five times in three seconds: finish all there is", () =>
      Effect.gen(function* () {
        const replicas = yield* Replicas
        const submitting = Effect.forEach(jobs("cut", 30), (job) => Effect.delay(submit(job), "100 millis"))
        const [submitted] = yield* Effect.all([submitting, cutFiveTimes(replicas)], { concurrency: "unbounded" })
        yield* goesOn
        yield* awaitAllDone(submitted)
      })
    )

    it.effect("Redis loses all that is queued: rebuild it from the rows", () =>
      Effect.gen(function* () {
        const replicas = yield* Replicas
        const { redis } = yield* PrivateServers
        // Stopped, so that all of it is still queued.
        for (const { program } of replicas) yield* program.signal("SIGSTOP")
        const lost = jobs("lost", 20)
        yield* Effect.forEach(lost, (job) => Effect.andThen(push(job), commitRow(job)), { concurrency: "unbounded" })
        yield* redis.crash
        for (const { program } of replicas) yield* program.signal("SIGCONT")
        yield* untilReady(/redis/, replicas)
        yield* redis.start
        const since = performance.now()
        yield* goesOn
        yield* awaitAllDone(lost)
        assert.isBelow(performance.now() - since, orphanAfter + 2 * 1.1 * sweepInterval + tolerance)
      })
    )

    it.effect("PostgreSQL is stopped in the middle of a sweep: recover what was lost, once", () =>
      Effect.gen(function* () {
        const { aws, sql } = yield* Stage
        const { postgres } = yield* PrivateServers
        // The sweep's statement has changed the row, and waits before it writes the audit row; in the next life of the server it
        // does not.
        yield* sql`CREATE FUNCTION hold_sweep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF NEW.audit_log LIKE 'Recovered%' AND pg_postmaster_start_time() = (SELECT at FROM held_life) THEN
            PERFORM pg_sleep(60);
          END IF;
          RETURN NEW; END $$`
        yield* sql`CREATE TABLE held_life AS SELECT pg_postmaster_start_time() AS at`
        yield* sql`GRANT SELECT ON held_life TO csb_aws_user`
        yield* sql`CREATE TRIGGER hold_sweep BEFORE INSERT ON csb_requests_audit FOR EACH ROW EXECUTE FUNCTION hold_sweep()`

        const job = aJob({ principal: "swept" })
        aws.faults.add({ principal: job.principal, times: 1, effect: { kind: "hang" } })
        const fourth = yield* startReplica({ AWS_CALL_TIMEOUT: "30 seconds" })
        const others = yield* Replicas
        yield* awaitReady(fourth)
        // Only the fourth takes it.
        for (const { program } of others) yield* program.signal("SIGSTOP")
        yield* submit(job)
        yield* aws.awaitCall({ principal: job.principal })
        yield* fourth.program.signal("SIGKILL")
        for (const { program } of others) yield* program.signal("SIGCONT")

        yield* eventually(
          sql`SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'`.pipe(Effect.orElseSucceed(() => [])),
          (sleeping) => sleeping.length > 0
        )
        yield* postgres.crash
        yield* untilReady(/postgresql/, others)
        yield* postgres.start
        const since = performance.now()
        yield* goesOn
        const { audit, status } = yield* awaitFinal(job.correlation_id)
        assert.isBelow(performance.now() - since, lease + 2 * 1.1 * sweepInterval + tolerance)
        assert.strictEqual(status, "SUCCESS")
        assert.lengthOf(
          audit.filter(({ log }) => log.startsWith("Recovered")),
          1
        )
        yield* awaitNothingLeft
      })
    )

    it.effect("nothing happens any more: drain within their grace", () =>
      Effect.gen(function* () {
        for (const { code, took } of yield* Effect.forEach(yield* Replicas, drain, { concurrency: "unbounded" })) {
          assert.strictEqual(code, 0)
          assert.isBelow(took, grace)
        }
      })
    )
  })
})
