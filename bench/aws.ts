import { Effect } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { BenchFailure } from "./BenchFailure.ts"
import { Servers } from "./servers.ts"

/** Sends a control request to the local AWS. */
export const controlAws = Effect.fnUntraced(function* (path: string, body: unknown) {
  const { awsUrl } = yield* Servers
  const response = yield* HttpClientRequest.post(`${awsUrl}/_local/${path}`).pipe(
    HttpClientRequest.bodyJson(body),
    Effect.flatMap(HttpClient.execute),
    Effect.mapError((cause) => new BenchFailure({ message: `the local AWS: ${cause.message}` }))
  )
  if (response.status !== 200) {
    return yield* new BenchFailure({ message: `the local AWS answered ${response.status} to ${path}` })
  }
})

const setLatency = (millis: number) => controlAws("latency", { millis })

/** AWS takes so long to answer until the scope ends. */
export const withLatency = (millis: number) =>
  Effect.acquireRelease(setLatency(millis), () => Effect.orDie(setLatency(0)))

const setRate = (accountId: string, writesPerSecond: number | null) =>
  controlAws("rate", { accountId, writesPerSecond })

/** AWS takes so many writes a second of this account until the scope ends. */
export const withWriteRate = (accountId: string, perSecond: number) =>
  Effect.acquireRelease(setRate(accountId, perSecond), () => Effect.orDie(setRate(accountId, null)))
