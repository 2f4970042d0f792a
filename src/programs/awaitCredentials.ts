import { Effect, Option, Ref, Schedule } from "effect"
import { AwsIam } from "../services/AwsIam.ts"
import { WorkerStatus } from "../services/WorkerStatus.ts"

/** How often STS is asked whether it knows the worker again. */
const askAgainAfter = "5 seconds"

/** Passes at once, unless AWS refused the worker's own credentials or clock: then as soon as STS knows the worker. */
export const awaitCredentials = Effect.gen(function* () {
  const { credentialsFault } = yield* WorkerStatus
  const fault = yield* Ref.get(credentialsFault)
  if (Option.isNone(fault)) return
  const aws = yield* AwsIam
  yield* Effect.logError(
    "no more jobs are taken until STS knows the worker: mend its AWS credentials or its clock"
  ).pipe(Effect.annotateLogs({ error_type: "CredentialsInvalid", error_message: fault.value }))
  const arn = yield* Effect.retry(aws.identity, Schedule.spaced(askAgainAfter))
  yield* Ref.set(credentialsFault, Option.none())
  yield* Effect.logInfo(`STS knows the worker as ${arn}; taking jobs again`)
})
