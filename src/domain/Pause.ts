import { Schema } from "effect"
import { Who, Why } from "./Intervention.ts"
import { AccountId } from "./Job.ts"

/** Which jobs are paused: all, or those of one target account. */
export const PauseScope = Schema.Union([Schema.Literal("all"), AccountId])
export type PauseScope = typeof PauseScope.Type

/** An operator's order that no jobs of a scope are taken. */
export class Pause extends Schema.Class<Pause>("Pause")({
  scope: PauseScope,
  by: Who,
  why: Why,
  /** When it was asked for, by the clock of the machine where the command ran. */
  at: Schema.DateTimeUtcFromString
}) {}
