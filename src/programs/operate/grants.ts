import { Effect, Option, Schema } from "effect"
import type { Intervention } from "../../domain/Intervention.ts"
import { Grants, type Moved } from "../../services/Grants.ts"

/** Neither a grant for a time nor the end of one has this id. */
export class NoSuchGrant extends Schema.TaggedError<NoSuchGrant>()("NoSuchGrant", { id: Schema.String }) {
  override get message() {
    return `no access that ends has the id ${this.id}; \`grants\` lists them, and a request with duration_minutes has an end only once it succeeded`
  }
}

/** The end of a grant is under way or over. */
export class NotPending extends Schema.TaggedError<NotPending>()("NotPending", {
  id: Schema.String,
  endId: Schema.String,
  status: Schema.String
}) {
  override get message() {
    return `the end of ${this.id}, request ${this.endId}, is ${this.status} and cannot be moved; \`status ${this.endId}\` tells more`
  }
}

/** Lets a grant's access end now. */
export const endGrant = Effect.fnUntraced(function* (id: string, intervention: Intervention) {
  return yield* checkMoved(id, yield* (yield* Grants).end(id, intervention))
})

/** Puts a grant's end off. */
export const extendGrant = Effect.fnUntraced(function* (id: string, minutes: number, intervention: Intervention) {
  return yield* checkMoved(id, yield* (yield* Grants).extend(id, minutes, intervention))
})

const checkMoved = Effect.fnUntraced(function* (id: string, answer: Option.Option<Moved>) {
  if (Option.isNone(answer)) return yield* new NoSuchGrant({ id })
  if (!answer.value.moved)
    return yield* new NotPending({ id: answer.value.id, endId: answer.value.endId, status: answer.value.status })
  return answer.value
})
