import { createHash } from "node:crypto"
import { DateTime, Option, Schema } from "effect"
import { CorrelationId } from "../../domain/Job.ts"
import type { StoredLetter } from "../../services/DeadLetters.ts"
import type { DeadLetter } from "../../services/JobQueue.ts"

/** A dead letter as JSON. Bytes that are not UTF-8 come as base64. `now`: Unix milliseconds. */
export const encodeDeadLetter = (
  payload: Uint8Array,
  letter: DeadLetter,
  workerId: string,
  now: number
): Uint8Array => {
  const text = Buffer.from(payload).toString("utf8")
  const isText = Buffer.from(text, "utf8").equals(payload)
  return Buffer.from(
    JSON.stringify({
      ...(isText ? { payload: text } : { payload_base64: Buffer.from(payload).toString("base64") }),
      reason: letter.reason,
      message: letter.message,
      correlation_id: Option.getOrNull(letter.correlationId),
      worker_id: workerId,
      failed_at: new Date(now).toISOString()
    })
  )
}

const decodeFields = Schema.decodeUnknownOption(
  Schema.fromJsonString(
    Schema.Struct({
      payload: Schema.optionalKey(Schema.String),
      payload_base64: Schema.optionalKey(Schema.Uint8ArrayFromBase64),
      reason: Schema.String,
      message: Schema.String,
      correlation_id: Schema.NullOr(CorrelationId),
      worker_id: Schema.String,
      failed_at: Schema.String
    })
  )
)

/** What an element of the list says, whoever wrote it. */
export const decodeDeadLetter = (bytes: Uint8Array): StoredLetter => {
  const id = createHash("sha256").update(bytes).digest("hex").slice(0, 12)
  return Option.match(decodeFields(Buffer.from(bytes).toString("utf8")), {
    onNone: () => ({
      id,
      bytes,
      reason: "Unreadable",
      message: "not a dead letter that a worker wrote",
      correlationId: Option.none(),
      workerId: Option.none(),
      failedAt: Option.none(),
      payload: Option.none()
    }),
    onSome: (letter) => ({
      id,
      bytes,
      reason: letter.reason,
      message: letter.message,
      correlationId: Option.fromNullOr(letter.correlation_id),
      workerId: Option.some(letter.worker_id),
      failedAt: DateTime.make(letter.failed_at),
      payload: Option.orElse(Option.fromUndefinedOr<Uint8Array | undefined>(letter.payload_base64), () =>
        Option.map(Option.fromUndefinedOr(letter.payload), (text): Uint8Array => Buffer.from(text))
      )
    })
  })
}
