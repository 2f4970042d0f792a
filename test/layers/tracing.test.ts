import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Option } from "effect"
import { FetchHttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { traceJob } from "../../src/domain/tracing.ts"
import { TracingLive } from "../../src/layers/TracingLive.ts"
import { TelemetryConfig } from "../../src/services/Config.ts"
import { testWorkerConfig } from "../fixture.ts"

type Answer = (url: string) => Promise<Response>

/** The exporter, with a collector that answers so. */
const traced =
  (answer: Answer) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) => {
    const fetch: typeof globalThis.fetch = (input) => answer(input instanceof Request ? input.url : String(input))
    return effect.pipe(
      Effect.provide(
        TracingLive.pipe(
          Layer.provideMerge(Layer.succeed(FetchHttpClient.Fetch, fetch)),
          Layer.provide(
            Layer.succeed(TelemetryConfig, { endpoint: Option.some("http://collector:4318/"), serviceName: "test" })
          ),
          Layer.provide(testWorkerConfig())
        )
      )
    )
  }

const job = traceJob(Effect.void, Effect.succeed({ name: "job" }))
/** A dozen requests full. */
const jobs = Effect.forEach(Array.from({ length: 512 * 12 }), () => job, { discard: true })

const dead: ReadonlyArray<readonly [string, Answer]> = [
  ["does not answer", () => new Promise(() => {})],
  ["answers without an end", async () => new Response(new ReadableStream())],
  [
    "tells everybody to come again in a day",
    async () => new Response("", { status: 429, headers: { "retry-after": "86400" } })
  ],
  ["is away", async () => Promise.reject(new TypeError("fetch failed"))]
]

describe("the exporter", () => {
  it.effect("posts to the endpoint's path for traces", () => {
    const urls: Array<string> = []
    return Effect.gen(function* () {
      yield* job
      yield* TestClock.adjust("6 seconds")
      assert.deepStrictEqual(urls, ["http://collector:4318/v1/traces"])
    }).pipe(traced(async (url) => (urls.push(url), new Response("{}"))))
  })

  it.effect.each(dead)("has few requests open to a collector that %s, and tries again later", ([, answer]) => {
    const log: Array<unknown> = []
    let [posts, isDead] = [0, true]
    return Effect.gen(function* () {
      yield* jobs
      yield* Effect.yieldNow
      assert.isAtMost(posts, 8)
      for (let seconds = 0; seconds < 15; seconds++) yield* TestClock.adjust("1 second")
      assert.isNotEmpty(log)
      const tried = posts
      yield* jobs
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(posts, tried)

      isDead = false
      yield* TestClock.adjust("1 minute")
      yield* job
      yield* TestClock.adjust("6 seconds")
      assert.strictEqual(posts, tried + 1)
    }).pipe(
      traced((url) => {
        posts++
        return isDead ? answer(url) : Promise.resolve(new Response("{}"))
      }),
      Effect.provide(Logger.layer([Logger.make(({ message }) => void log.push(message))]))
    )
  })
})
