import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer } from "effect"
import { inject } from "vitest"
import { LocalAws } from "../../local/aws/LocalAws.ts"
import { Collector, valuesOf } from "./Collector.ts"
import { startWorker } from "./program.ts"
import { account, awaitStatus, request, World, world } from "./world.ts"

const error = 2

describe.skipIf(inject("redis") === undefined)("traces", () => {
  const tracedEnv = Effect.gen(function* () {
    const { env } = yield* World
    const { url } = yield* Collector
    return { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_SERVICE_NAME: "csb-aws", OTEL_RESOURCE_ATTRIBUTES: "a=b" }
  })

  it.live("tell the life of each job, the last one's, too, and no secret", () =>
    Effect.gen(function* () {
      const { calls, faults, world: aws } = yield* LocalAws
      const collector = yield* Collector
      const worker = yield* startWorker(yield* tracedEnv)
      const producer = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" }
      const traceparent = `00-${producer.traceId}-${producer.spanId}-01`
      const first = yield* request({}, (job) => JSON.stringify({ ...job, traceparent }))
      yield* awaitStatus(first.correlation_id, "SUCCESS")
      faults.add({ principal: "bob", times: 1, effect: { kind: "error", code: "Throttling" } })
      const again = yield* request({ principal: "bob" }, (job) => JSON.stringify({ ...job, traceparent: "00-0-0-00" }))
      const failed = yield* request({ principal: "nobody" })
      yield* awaitStatus(again.correlation_id, "SUCCESS")
      yield* awaitStatus(failed.correlation_id, "FAILED")
      yield* worker.signal("SIGTERM")
      assert.strictEqual(yield* worker.exit, 0)

      assert.deepInclude(collector.resource(), { "service.name": "csb-aws", "service.instance.id": "w-1" })
      assert.notProperty(collector.resource(), "a")
      const spans = collector.spans().map(({ attributes, ...span }) => ({ ...span, attributes: valuesOf(attributes) }))
      const treeOf = ({ correlation_id }: { readonly correlation_id: string }) => {
        const root = spans.find(({ attributes }) => attributes["messaging.message.conversation_id"] === correlation_id)
        assert.isDefined(root)
        const steps = spans
          .filter(({ parentSpanId }) => parentSpanId === root.spanId)
          .toSorted((a, b) => Number(BigInt(a.startTimeUnixNano) - BigInt(b.startTimeUnixNano)))
        for (const step of steps) {
          assert.strictEqual(step.traceId, root.traceId)
          assert.isAtLeast(Number(BigInt(step.startTimeUnixNano) - BigInt(root.startTimeUnixNano)), 0)
          assert.isAtMost(Number(BigInt(step.endTimeUnixNano) - BigInt(root.endTimeUnixNano)), 0)
        }
        return { root, steps, names: steps.map(({ name }) => name) }
      }

      const one = treeOf(first)
      assert.deepStrictEqual(one.names, ["claim", "STS.AssumeRole", "IAM.AttachUserPolicy", "settle"])
      assert.deepInclude(one.root.attributes, { "cloud.account.id": account, "csb.outcome": "success" })
      assert.isUndefined(one.root.parentSpanId)
      assert.deepStrictEqual(one.root.links, [producer])
      const [call] = calls.list({ operation: "AttachUserPolicy", principal: first.principal })
      assert.deepStrictEqual(one.steps[2]?.attributes, {
        "rpc.system": "aws-api",
        "rpc.service": "IAM",
        "rpc.method": "AttachUserPolicy",
        "aws.request_id": call?.requestId
      })

      const two = treeOf(again)
      assert.deepStrictEqual(two.names, ["claim", "IAM.AttachUserPolicy", "IAM.AttachUserPolicy", "settle"])
      assert.strictEqual(two.steps[1]?.attributes["error.type"], "Throttling")
      assert.deepStrictEqual(
        two.steps.map(({ status }) => status.code === error),
        [false, true, false, false]
      )
      assert.deepStrictEqual(two.root.links, [])

      const three = treeOf(failed)
      assert.deepInclude(three.root.attributes, { "csb.outcome": "failed", "error.type": "NoSuchEntity" })
      assert.strictEqual(three.root.status.code, error)
      assert.strictEqual(spans.length, 3 + one.steps.length + two.steps.length + three.steps.length)

      const sent = collector.bodies.join("\n")
      for (const { accessKeyId } of aws.sessions()) {
        const { secretAccessKey = "", sessionToken = "" } = aws.credentials.find(accessKeyId) ?? {}
        for (const secret of [accessKeyId, secretAccessKey, sessionToken]) assert.notInclude(sent, secret)
      }
      const { env } = yield* World
      for (const name of ["AWS_SECRET_KEY", "DB_PASSWORD", "AWS_EXTERNAL_ID"])
        assert.notInclude(sent, env[name] ?? name)
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(world(), Collector.layer())))
  )

  it.live.each(["never answers", "is away"] as const)(
    "hold up neither a job nor the end when the collector %s",
    (how) =>
      Effect.gen(function* () {
        const collector = yield* Collector
        const env = { ...(yield* tracedEnv), SHUTDOWN_GRACE: "10 seconds" }
        const worker = yield* startWorker(
          how === "is away" ? { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" } : env
        )
        const job = yield* request()
        yield* awaitStatus(job.correlation_id, "SUCCESS")
        yield* worker.signal("SIGTERM")
        const [took, code] = yield* Effect.timed(worker.exit)
        assert.strictEqual(code, 0)
        assert.isBelow(Duration.toMillis(took), 2_000)
        assert.strictEqual(collector.bodies.length, how === "is away" ? 0 : 1)
        assert.strictEqual(worker.stderr(), "")
      }).pipe(Effect.scoped, Effect.provide(Layer.merge(world(), Collector.layer("silent"))))
  )
})
