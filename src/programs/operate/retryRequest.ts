import { Effect, Option, Stream } from "effect"
import type { Intervention } from "../../domain/Intervention.ts"
import { decodeJob } from "../../domain/Job.ts"
import { Refused } from "../../domain/Refused.ts"
import { disagreements, type RequestRecord } from "../../domain/Request.ts"
import { DeadLetters, type StoredLetter } from "../../services/DeadLetters.ts"
import { refuseUnfit, reopen } from "./reopen.ts"
import { resubmit } from "./resubmit.ts"
import { status } from "./status.ts"

/**
 * Puts a FAILED request back through PENDING, and its job into the queue: the payload of a dead letter that agrees with its row, which is
 * then removed from the dead letters, or else one made from the row.
 */
export const retryRequest = Effect.fnUntraced(function* (id: string, intervention: Intervention) {
  const record = yield* status(id)
  if (record.standing !== "FAILED") return yield* refuseUnfit(id, record)
  const letter = yield* letterOf(id, record)
  const payload = Option.orElse(
    Option.flatMap(letter, (it) => it.payload),
    () => Option.map(record.payload, (text): Uint8Array => Buffer.from(text))
  )
  if (Option.isNone(payload)) {
    return yield* new Refused({
      reason: `the row of ${id} does not say enough for a job, and no dead letter that agrees with it is left`,
      remedy: "Have it requested again"
    })
  }
  yield* reopen(id, intervention)
  yield* resubmit(id, payload.value, letter)
})

/** The newest dead letter whose payload is the job that the row asks for. */
const letterOf = Effect.fnUntraced(function* (id: string, { row }: RequestRecord) {
  const { all } = yield* DeadLetters
  const bearsIt = (letter: StoredLetter) =>
    decodeJob(Option.getOrElse(letter.payload, () => new Uint8Array())).pipe(
      Effect.map(
        (job) => job.correlation_id.toLowerCase() === id.toLowerCase() && disagreements(job, row).length === 0
      ),
      Effect.orElseSucceed(() => false)
    )
  return yield* all.pipe(Stream.filterEffect(bearsIt), Stream.runHead)
})
