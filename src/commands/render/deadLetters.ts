import { type DateTime, Option } from "effect"
import type { StoredLetter } from "../../services/DeadLetters.ts"
import type { Style } from "./style.ts"
import { table } from "./table.ts"
import { between, isoOr, isoOrNull, json, plain, span } from "./text.ts"

const decodeUtf8 = Option.liftThrowable((bytes: Uint8Array) =>
  new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
)

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64")

/** As in the letter itself: text, or else base64. A letter that no worker wrote is shown whole. */
const payloadFields = ({ bytes, payload }: StoredLetter) => {
  const content = Option.getOrElse(payload, () => bytes)
  return Option.match(decodeUtf8(content), {
    onNone: () => ({ payload_base64: base64(content) }),
    onSome: (text) => ({ payload: text })
  })
}

const fieldsOf = (letter: StoredLetter) => ({
  id: letter.id,
  reason: letter.reason,
  message: letter.message,
  correlation_id: Option.getOrNull(letter.correlationId),
  worker_id: Option.getOrNull(letter.workerId),
  failed_at: isoOrNull(letter.failedAt),
  ...payloadFields(letter)
})

export const lettersAsJson = (letters: ReadonlyArray<StoredLetter>): string => json(letters.map(fieldsOf))
export const letterAsJson = (letter: StoredLetter): string => json(fieldsOf(letter))

/** `width`: columns of the terminal, to which each line is cut; 0: the output is not a terminal. */
export const lettersForPeople = (letters: ReadonlyArray<StoredLetter>, style: Style, width: number): string =>
  table(
    ["left", "left", "left", "left", "left"],
    [
      ["ID", "FAILED AT", "REASON", "REQUEST", "MESSAGE"],
      ...letters.map(({ correlationId, failedAt, id, message, reason }) => [
        id,
        isoOr("?", failedAt),
        plain(reason),
        Option.getOrElse(correlationId, () => "-"),
        plain(message)
      ])
    ]
  )
    .split("\n")
    .map((line) => (width > 0 && line.length > width ? `${line.slice(0, width - 1)}…` : line))
    .map((line, index) => (index === 0 ? style.bold(line) : line))
    .join("\n")

export const letterForPeople = (letter: StoredLetter, now: DateTime.Utc, style: Style): string => {
  const { correlationId, failedAt, id, message, reason, workerId } = letter
  const { payload, payload_base64 } = { payload: undefined, payload_base64: undefined, ...payloadFields(letter) }
  return [
    `${style.bold(id)}  ${style.red(plain(reason))}`,
    table(
      ["left", "left"],
      [
        ["  message", plain(message)],
        ["  request", Option.getOrElse(correlationId, () => "none that it names")],
        [
          "  failed at",
          isoOr("?", failedAt) +
            Option.match(failedAt, { onNone: () => "", onSome: (at) => `, ${span(between(at, now))} ago` })
        ],
        ["  worker", plain(Option.getOrElse(workerId, () => "?"))],
        payload === undefined ? ["  base64", payload_base64 ?? ""] : ["  payload", plain(payload)]
      ]
    ),
    "",
    `  ${(advice[reason] ?? advice["Unreadable"])?.(id) ?? ""}`
  ].join("\n")
}

/** What to do about each reason (see `replayLetter`). */
const advice: Readonly<Record<string, (id: string) => string>> = {
  UnknownJob: (id) =>
    `Its row was not in the database. If it is now: dead replay ${id}; if nobody asked for it: dead drop ${id}`,
  InvalidPayload: (id) => `No worker can read it. Fix whatever pushed it, then: dead drop ${id}`,
  PayloadMismatch: (id) => `It is not what the row asks for. Find out who pushed it, then: dead drop ${id}`,
  WorkerLost: (id) =>
    `Workers were lost while they had it: their logs may tell why. To try once more: dead replay ${id} --by WHO --why TEXT`,
  Unreadable: (id) => `No worker of this kind wrote it. Find out who did, then: dead drop ${id}`
}
