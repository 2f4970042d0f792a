import { Effect, Schema } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { BenchFailure } from "./BenchFailure.ts"
import { onRedis } from "./redis.ts"
import { Servers } from "./servers.ts"

/** How often each thing happened, since some start. */
export type Counts = Readonly<Record<string, number>>

/** Calls that the local AWS received, as `Operation outcome`. */
export const awsCalls = Effect.gen(function* () {
  const { counters } = yield* readCalls(1)
  const counts: Counts = Object.fromEntries(
    Object.entries(counters).flatMap(([operation, outcomes]) =>
      Object.entries(outcomes).map(([outcome, count]) => [`${operation} ${outcome}`, count])
    )
  )
  return counts
})

/** The last calls that the local AWS received, and all of them counted. */
export const readCalls = Effect.fnUntraced(function* (last: number) {
  const { awsUrl } = yield* Servers
  return yield* HttpClient.get(`${awsUrl}/_local/calls?limit=${last}`).pipe(
    Effect.flatMap(HttpClientResponse.schemaBodyJson(Calls)),
    Effect.mapError((cause) => new BenchFailure({ message: `the local AWS: ${cause.message}` }))
  )
})

const Calls = Schema.Struct({
  counters: Schema.Record(Schema.String, Schema.Record(Schema.String, Schema.Number)),
  calls: Schema.Array(
    Schema.Struct({
      operation: Schema.String,
      outcome: Schema.String,
      accountId: Schema.optionalKey(Schema.String),
      at: Schema.Number
    })
  )
})

/** Commands that Redis carried out. https://redis.io/docs/latest/commands/info/ */
export const redisCommands = Effect.map(
  onRedis((redis) => redis.info("commandstats")),
  (info): Counts =>
    Object.fromEntries(
      Array.from(info.matchAll(/^cmdstat_(\S+?):calls=(\d+)/gm), ([, command = "", calls]) => [command, Number(calls)])
    )
)

/** What was added between two readings; nothing that did not change. */
export const increase = (before: Counts, after: Counts): Counts =>
  Object.fromEntries(
    Object.entries(after)
      .map(([name, count]) => [name, count - (before[name] ?? 0)] as const)
      .filter(([, count]) => count !== 0)
  )

export const total = (counts: Counts): number => Object.values(counts).reduce((sum, count) => sum + count, 0)
