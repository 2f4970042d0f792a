import { Schema } from "effect"
import { Who, Why } from "./Intervention.ts"
import { AccountId } from "./Job.ts"

/** Whose jobs are paused: everybody's, or those of one target account. */
export const PauseScope = Schema.Union([Schema.Literal("all"), AccountId])
export type PauseScope = typeof PauseScope.Type

/** That no jobs are taken, as an operator wants it. */
export class Pause extends Schema.Class<Pause>("Pause")({
  scope: PauseScope,
  by: Who,
  why: Why,
  /** When it was asked for, by the clock of the machine where the command ran. */
  at: Schema.DateTimeUtcFromString
}) {}
