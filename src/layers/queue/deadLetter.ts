import { Option } from "effect"
import type { DeadLetter } from "../../services/JobQueue.ts"

/** A dead letter as contract §3 describes it. Bytes that are not UTF-8 come as base64. `now`: Unix milliseconds. */
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
