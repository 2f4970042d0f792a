import { Schema } from "effect"

/** What an operator asked for would do harm, or no good; nothing was changed. `remedy`: what to do instead. */
export class Refused extends Schema.TaggedError<Refused>()("Refused", {
  reason: Schema.String,
  remedy: Schema.String
}) {
  override get message() {
    return `${this.reason}. ${this.remedy}`
  }
}
