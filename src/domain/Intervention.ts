import { Schema } from "effect"

/** One line of a person's words. No control and no format characters, which could forge what a terminal or a log shows. */
const Line = (maxLength: number) =>
  Schema.String.check(
    Schema.isPattern(new RegExp(`^(?=.*\\S)[^\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]{1,${maxLength}}$`, "u"), {
      expected: `a line of at most ${maxLength} characters, without control characters`
    })
  )

export const Who = Line(100)
export const Why = Line(500)

/** What an operator does to a request, as its audit trail records it. */
export interface Intervention {
  readonly by: string
  readonly why: string
}

// The audit rows' texts.

/** Of a new request. Undefined: it was asked for in the ordinary way. */
export const submittedLog = (intervention?: Intervention): string =>
  intervention === undefined ? "Submitted" : `Submitted by ${intervention.by}: ${intervention.why}`
export const retriedLog = ({ by, why }: Intervention): string => `Retried by ${by}: ${why}`
export const endedLog = ({ by, why }: Intervention): string => `Due now, by ${by}: ${why}`
export const extendedLog = (minutes: number, { by, why }: Intervention): string =>
  `Due ${minutes} minutes later, by ${by}: ${why}`
