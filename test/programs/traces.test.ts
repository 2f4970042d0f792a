import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Tracer } from "effect"
import { TestClock } from "effect/testing"
import { Throttling } from "../../src/domain/AwsError.ts"
import { JobsAreTraced } from "../../src/domain/tracing.ts"
import { AwsIamControl } from "../../src/layers/memory/AwsIamMemory.ts"
import { processJob } from "../../src/programs/processJob.ts"
import { JobQueue } from "../../src/services/JobQueue.ts"
import { JobStore } from "../../src/services/JobStore.ts"
import { aJob, bytes, takeOne, withWorker } from "../fixture.ts"

/** Runs it with a tracer that keeps its spans. */
const recorded = <A, E, R>(effect: Effect.Effect<A, E, R>, { on = true, spans = new Array<Tracer.Span>() } = {}) => {
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  return effect.pipe(
    Effect.provideService(JobsAreTraced, on),
    Effect.provideService(Tracer.Tracer, tracer),
    // As in the worker: what is not a job's makes no spans.
    Effect.withTracerEnabled(false),
    Effect.as(spans)
  )
}

const submit = Effect.fnUntraced(function* (payload: unknown, job?: ReturnType<typeof aJob>) {
  if (job !== undefined) yield* (yield* JobStore).submit(job)
  yield* (yield* JobQueue).submit(bytes(payload))
})
const deliver = Effect.flatMap(Effect.flatMap(JobQueue, takeOne), processJob)
const parentOf = ({ parent }: Tracer.Span) => Option.getOrUndefined(parent)
const hasFailed = ({ status }: Tracer.Span) => status._tag === "Ended" && Exit.isFailure(status.exit)
const attributes = (span: Tracer.Span | undefined) => Object.fromEntries(span?.attributes ?? [])

describe("the trace of a job", () => {
  it.effect("has its steps as children, and the producer's span as a link", () =>
    Effect.gen(function* () {
      const job = aJob()
      const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
      yield* submit({ ...job, traceparent }, job)
      const [root, ...steps] = yield* recorded(deliver)
      assert.deepStrictEqual(
        steps.map(({ name }) => name),
        ["claim", "settle"]
      )
      for (const step of steps) {
        assert.strictEqual(parentOf(step), root)
        assert.strictEqual(step.status._tag, "Ended")
        assert.deepStrictEqual(attributes(step), {
          "db.system.name": "postgresql",
          "db.collection.name": "csb_requests"
        })
      }
      assert.strictEqual(root?.name, "process queue:aws")
      assert.strictEqual(root?.kind, "consumer")
      assert.isTrue(root !== undefined && Option.isNone(root.parent) && !hasFailed(root))
      assert.deepStrictEqual(attributes(root), {
        "messaging.system": "redis",
        "messaging.destination.name": "queue:aws",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.message.body.size": JSON.stringify({ ...job, traceparent }).length,
        "messaging.message.conversation_id": job.correlation_id,
        "cloud.provider": "aws",
        "cloud.account.id": job.account_id,
        "csb.outcome": "success"
      })
      assert.deepStrictEqual(
        root?.links.map(({ span }) => [span.traceId, span.spanId]),
        [["4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"]]
      )
    }).pipe(withWorker())
  )

  it.effect("ignores a traceparent that is none", () =>
    Effect.gen(function* () {
      const job = aJob()
      yield* submit({ ...job, traceparent: { not: "one" } }, job)
      const [root] = yield* recorded(deliver)
      assert.deepStrictEqual(root?.links, [])
      assert.strictEqual(attributes(root)["csb.outcome"], "success")
    }).pipe(withWorker())
  )

  it.effect("says how the job ended, and is an error only if that is one", () =>
    Effect.gen(function* () {
      const aws = yield* AwsIamControl
      const outcomeOf = Effect.map(
        Effect.suspend(() => recorded(deliver)),
        ([root]) => [
          attributes(root)["csb.outcome"],
          attributes(root)["error.type"],
          root !== undefined && hasFailed(root)
        ]
      )
      yield* submit("no job")
      assert.deepStrictEqual(yield* outcomeOf, ["dead_letter", "InvalidPayload", true])

      const job = aJob()
      yield* submit(job, job)
      assert.deepStrictEqual(yield* outcomeOf, ["success", undefined, false])
      yield* submit(job)
      assert.deepStrictEqual(yield* outcomeOf, ["duplicate", undefined, false])

      const failing = aJob({ entitlement: "AdministratorAccess" })
      yield* submit(failing, failing)
      assert.deepStrictEqual(yield* outcomeOf, ["failed", "PolicyForbidden", true])

      const older = aJob()
      const younger = aJob()
      yield* (yield* JobStore).submit(older)
      yield* TestClock.adjust(1)
      yield* submit(younger, younger)
      assert.deepStrictEqual(yield* outcomeOf, ["delayed", undefined, false])

      const busy = aJob({ principal: "bob" })
      const error = new Throttling({ code: "Throttling", message: "slow down", operation: "AttachUserPolicy" })
      aws.obstruct({ when: "before", effect: Effect.fail(error) })
      yield* submit(busy, busy)
      assert.deepStrictEqual(yield* outcomeOf, ["requeued", "Throttling", true])
    }).pipe(withWorker({ retryMaxAttempts: 1, policyRules: { deny: ["*Administrator*"], allow: Option.none() } }))
  )

  it.effect("says that a job was given back", () =>
    Effect.gen(function* () {
      const aws = yield* AwsIamControl
      const job = aJob()
      const spans: Array<Tracer.Span> = []
      aws.obstruct({ when: "before", effect: Effect.never })
      yield* submit(job, job)
      const fiber = yield* Effect.forkChild(recorded(deliver, { spans }), { startImmediately: true })
      while (aws.calls().length === 0) yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(attributes(spans[0])["csb.outcome"], "released")
      assert.isTrue(spans.every(({ status }) => status._tag === "Ended"))
    }).pipe(withWorker())
  )

  it.effect("is not made when nobody wants it: not one span", () =>
    Effect.gen(function* () {
      const job = aJob()
      yield* submit(job, job)
      assert.deepStrictEqual(yield* recorded(deliver, { on: false }), [])
    }).pipe(withWorker())
  )
})
