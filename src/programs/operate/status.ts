import { Effect, Option, Schema } from "effect"
import { JobStore } from "../../services/JobStore.ts"

export class UnknownRequest extends Schema.TaggedError<UnknownRequest>()("UnknownRequest", { id: Schema.String }) {
  override get message() {
    return `no AWS request with the correlation id ${this.id}; is DB_NAME the right database, and does the role see its rows?`
  }
}

/** What the database knows about a request. */
export const status = Effect.fnUntraced(function* (id: string) {
  const store = yield* JobStore
  const found = yield* store.find(id)
  if (Option.isNone(found)) return yield* new UnknownRequest({ id })
  return found.value
})
