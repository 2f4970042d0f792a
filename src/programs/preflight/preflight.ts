import { Effect, Schema } from "effect"
import { failed, type Finding, ok } from "../../domain/Finding.ts"
import { Job } from "../../domain/Job.ts"
import { check } from "../checks/check.ts"
import { checkConfig } from "../checks/config.ts"
import { checkTarget } from "./aws.ts"
import { checkGuardrails } from "./guardrails.ts"
import { checkPauses } from "./pauses.ts"
import { checkRow } from "./postgresql.ts"

const decode = Schema.decodeEffect(Job)

/**
 * Whether a request would succeed if it were made now. `failed`: it would not; `warning`: it would, but not at once, or not with the effect
 * that one may expect; `skipped`: nobody could tell. Only reads: writes no row, no key, no attachment. If the request is not even a job,
 * nothing else is checked.
 */
export const preflight = Effect.fnUntraced(function* (request: typeof Job.Encoded) {
  const decoded = yield* Effect.result(decode(request))
  const form = yield* check(
    "request",
    Effect.match(Effect.fromResult(decoded), {
      onFailure: ({ message }) => failed(message, "Correct that field: the worker takes no such job"),
      onSuccess: () => ok("it is well-formed")
    })
  )
  if (decoded._tag === "Failure") return [form]
  const job = decoded.success
  const parts: ReadonlyArray<ReadonlyArray<Finding>> = yield* Effect.all(
    [checkConfig, checkGuardrails(job), checkRow(job), checkPauses(job), checkTarget(job)],
    { concurrency: "unbounded" }
  )
  return [form, ...parts.flat()]
})
