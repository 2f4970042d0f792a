import { Cause, Duration, Effect, Exit, Metric, Option, Predicate } from "effect"
import { type AwsError, Timeout } from "../../domain/AwsError.ts"
import { type CallFailure, classify } from "../../domain/classify.ts"
import * as metrics from "../../domain/metrics.ts"
import { traceStep } from "../../domain/tracing.ts"
import type { Answer } from "../../services/AwsIam.ts"

interface SdkOutput {
  readonly $metadata: { readonly requestId?: string | undefined }
}

/**
 * One call through the SDK: bounded in time from connect to last byte, ended when its fiber is interrupted, counted and
 * timed, and its error classified. The SDK itself must not retry.
 */
export const sdkCall = <A extends SdkOutput>(
  operation: string,
  timeout: Duration.Duration,
  send: (options: { readonly abortSignal: AbortSignal }) => Promise<A>
): Effect.Effect<Answer<A>, AwsError> =>
  Effect.tryPromise({
    try: (abortSignal) => send({ abortSignal }),
    catch: (cause) => classify(describe(operation, cause))
  }).pipe(
    Effect.timeoutOrElse({
      duration: timeout,
      orElse: () =>
        Effect.fail(
          new Timeout({ code: "TimeoutError", message: `no answer within ${Duration.format(timeout)}`, operation })
        )
    }),
    measure(operation),
    trace(operation),
    Effect.map((value) => ({ value, requestId: Option.fromUndefinedOr(value.$metadata.requestId) }))
  )

const measure =
  (operation: string) =>
  <A>(call: Effect.Effect<A, AwsError>): Effect.Effect<A, AwsError> =>
    Effect.flatMap(Effect.timed(Effect.result(call)), ([duration, result]) => {
      const outcome = result._tag === "Success" ? "success" : result.failure._tag
      return Metric.update(Metric.withAttributes(metrics.awsCalls, { operation, outcome }), 1).pipe(
        Effect.andThen(
          Metric.update(Metric.withAttributes(metrics.awsCallDuration, { operation }), Duration.toSeconds(duration))
        ),
        Effect.andThen(Effect.fromResult(result))
      )
    })

/** https://opentelemetry.io/docs/specs/semconv/cloud-providers/aws-sdk/ */
const trace =
  (operation: string) =>
  <A extends SdkOutput>(call: Effect.Effect<A, AwsError>): Effect.Effect<A, AwsError> =>
    traceStep(
      call,
      () => {
        const service = operation === "AssumeRole" ? "STS" : "IAM"
        return {
          name: `${service}.${operation}`,
          kind: "client",
          attributes: { "rpc.system": "aws-api", "rpc.service": service, "rpc.method": operation }
        }
      },
      Exit.match({
        onSuccess: ({ $metadata }) => ({ "aws.request_id": $metadata.requestId }),
        onFailure: (cause) =>
          Option.match(Cause.findErrorOption(cause), {
            onNone: () => ({}),
            onSome: (error) => ({ "error.type": error._tag })
          })
      })
    )

/**
 * What the SDK threw. `Code` is AWS's own word, `name` the SDK's; a socket error has Node's `code`. Answers that are not XML
 * come under the names `Unknown` and `Error`, and are judged by their status.
 */
const describe = (operation: string, cause: unknown): CallFailure => {
  const metadata = property(cause, "$metadata")
  const status = property(metadata, "httpStatusCode")
  const headers = property(property(cause, "$response"), "headers")
  const message = property(cause, "message")
  const code = [property(cause, "Code"), property(cause, "code"), property(cause, "name")].find(Predicate.isString)
  return {
    operation,
    code: code ?? "Unknown",
    message: Predicate.isString(message) ? message : String(cause),
    status: Predicate.isNumber(status) ? status : undefined,
    retryAfter: milliseconds(property(headers, "retry-after"))
  }
}

const property = (of: unknown, name: string): unknown => (Predicate.hasProperty(of, name) ? of[name] : undefined)

/** Retry-After in seconds; AWS does not send its other form, a date. */
const milliseconds = (retryAfter: unknown): number | undefined => {
  const seconds = Predicate.isString(retryAfter) && retryAfter !== "" ? Number(retryAfter) : Number.NaN
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : undefined
}
