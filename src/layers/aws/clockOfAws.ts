import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts"
import { HttpResponse } from "@smithy/core/protocols"
import { Duration, Effect, Option } from "effect"
import type { AwsConfig } from "../../services/Config.ts"
import { httpHandler } from "./httpHandler.ts"

/**
 * Milliseconds by which AWS's clock is ahead of ours, by the `Date` of an answer, which has whole seconds. STS sends it to anybody, so it is
 * asked without a signature: then neither bad credentials nor the clock itself are in the way. None: no answer came, or one without a `Date`.
 */
export const clockAhead = Effect.fnUntraced(function* (config: AwsConfig["Service"]) {
  const client = yield* Effect.acquireRelease(
    Effect.sync(
      () =>
        new STSClient({
          region: config.region,
          maxAttempts: 1,
          ...(Option.isSome(config.stsEndpoint) && { endpoint: config.stsEndpoint.value }),
          credentials: { accessKeyId: "none", secretAccessKey: "none" },
          requestHandler: httpHandler(1, Duration.toMillis(config.callTimeout))
        })
    ),
    (it) => Effect.sync(() => it.destroy())
  )
  client.middlewareStack.remove("httpSigningMiddleware")
  let ahead = Option.none<number>()
  client.middlewareStack.add(
    (next) => async (request) => {
      const answer = await next(request)
      ahead = aheadOf(answer.response, Date.now())
      return answer
    },
    { step: "deserialize", priority: "low", name: "clockOfAws" }
  )
  yield* Effect.ignore(
    Effect.tryPromise((abortSignal) => client.send(new GetCallerIdentityCommand({}), { abortSignal }))
  )
  return ahead
}, Effect.scoped)

const aheadOf = (response: unknown, now: number): Option.Option<number> => {
  const date = HttpResponse.isInstance(response) ? Date.parse(response.headers["date"] ?? "") : Number.NaN
  return Number.isNaN(date) ? Option.none() : Option.some(date - now)
}
