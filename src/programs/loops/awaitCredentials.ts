import { Duration, Effect, Option, Ref, Schedule } from "effect"
import { AwsIam } from "../../services/AwsIam.ts"
import { WorkerStatus } from "../../services/WorkerStatus.ts"

/**
 * How often STS is asked whether it knows the worker again; also the wait before the first time. If it were asked at once, a fault that
 * this check does not see would be met again at once.
 */
const askAfter = Duration.seconds(5)

/** Passes at once, unless AWS refused the worker's own credentials or clock: then as soon as STS knows the worker. */
export const awaitCredentials = Effect.gen(function* () {
  const { credentialsFault } = yield* WorkerStatus
  const fault = yield* Ref.get(credentialsFault)
  if (Option.isNone(fault)) return
  const aws = yield* AwsIam
  yield* Effect.logError(
    "no more jobs are taken until STS knows the worker: fix its AWS credentials or its clock"
  ).pipe(Effect.annotateLogs({ error_type: "CredentialsInvalid", error_message: fault.value }))
  const arn = yield* aws.identity.pipe(Effect.delay(askAfter), Effect.retry(Schedule.forever))
  yield* Ref.set(credentialsFault, Option.none())
  yield* Effect.logInfo(`STS knows the worker as ${arn}; taking jobs again`)
})
