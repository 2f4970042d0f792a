import { Effect, Option } from "effect"
import type { Intervention } from "../../domain/Intervention.ts"
import { decodeJob, type InvalidPayload } from "../../domain/Job.ts"
import { Refused } from "../../domain/Refused.ts"
import { disagreements } from "../../domain/Request.ts"
import type { StoredLetter } from "../../services/DeadLetters.ts"
import { refuseUnfit, reopen } from "./reopen.ts"
import { resubmit } from "./resubmit.ts"
import { status } from "./status.ts"

/**
 * Puts a dead letter's payload back into the queue, byte for byte, if a worker would carry it out now. For that a FAILED request goes
 * back through PENDING, which needs somebody's name and reason. Answers the correlation id.
 */
export const replayLetter = Effect.fnUntraced(function* (
  letter: StoredLetter,
  intervention: Option.Option<Intervention>
) {
  if (Option.isNone(letter.payload)) {
    return yield* new Refused({
      reason: `no worker wrote the dead letter ${letter.id}`,
      remedy: `Look at it (dead show ${letter.id}), then drop it (dead drop ${letter.id})`
    })
  }
  const payload = letter.payload.value
  const job = yield* Effect.mapError(decodeJob(payload), noJob(letter.id))
  const id = job.correlation_id
  const record = yield* status(id).pipe(
    Effect.catchTag(
      "UnknownRequest",
      () =>
        new Refused({
          reason: `there is still no AWS request ${id} in the database`,
          remedy: `Replay it once its row is there, or drop it: dead drop ${letter.id}`
        })
    )
  )
  const differing = disagreements(job, record.row)
  if (differing.length > 0) {
    return yield* new Refused({
      reason: `the payload and the row of ${id} disagree in ${differing.join(", ")}`,
      remedy: `Find out who pushed it, then drop it (dead drop ${letter.id}); what the row asks for is done by: retry ${id} --by WHO --why TEXT`
    })
  }
  if (record.standing === "FAILED" && Option.isSome(intervention)) yield* reopen(id, intervention.value)
  else if (record.standing !== "PENDING") return yield* refuseUnfit(id, record)
  yield* resubmit(id, payload, Option.some(letter))
  return id
})

const noJob = (letterId: string) => (error: InvalidPayload) =>
  new Refused({
    reason: `its payload is still no job: ${error.message}`,
    remedy: Option.match(error.correlationId, {
      onNone: () => `Fix the producer, then drop it: dead drop ${letterId}`,
      onSome: (id) =>
        `Fix the producer, then drop it (dead drop ${letterId}); what the row asks for is done by: retry ${id} --by WHO --why TEXT`
    })
  })
