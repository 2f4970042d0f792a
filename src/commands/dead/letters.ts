import { Effect, Option, Schema, Stream } from "effect"
import { Argument, Flag } from "effect/cli"
import { Refused } from "../../domain/Refused.ts"
import { DeadLetters } from "../../services/DeadLetters.ts"
import { confirm, yes } from "../confirm.ts"

const LetterId = Schema.String.check(
  Schema.isPattern(/^[0-9a-f]{12}$/, { expected: "12 hex digits, as dead list shows them" })
)

export const id = Argument.String("id").pipe(
  Argument.withDescription("Of a dead letter, as dead list shows it"),
  Argument.withSchema(LetterId)
)

/** Which letters a command is about. */
export const chosen = {
  ids: Argument.variadic(id),
  all: Flag.Boolean("all").pipe(
    Flag.withoutNegation,
    Flag.withDescription("All that there are now; asks you first"),
    Flag.withDefault(false)
  ),
  yes
}

export const findLetter = Effect.fnUntraced(function* (letterId: string) {
  const found = yield* (yield* DeadLetters).find(letterId)
  if (Option.isSome(found)) return found.value
  return yield* new Refused({
    reason: `there is no dead letter ${letterId}`,
    remedy: "dead list shows those that there are; it may have been replayed or dropped meanwhile"
  })
})

/** The named letters; or all, the newest first, once somebody has confirmed that. */
export const chooseLetters = Effect.fnUntraced(function* (
  verb: string,
  asked: { readonly ids: ReadonlyArray<string>; readonly all: boolean; readonly yes: boolean }
) {
  if (asked.all === asked.ids.length > 0) {
    return yield* new Refused({
      reason: `nothing says which dead letters to ${verb}`,
      remedy: "Give either their ids, or --all"
    })
  }
  if (!asked.all) return yield* Effect.forEach(new Set(asked.ids), findLetter)
  const letters = yield* Stream.runCollect((yield* DeadLetters).all)
  if (letters.length > 0) yield* confirm(`${verb} all ${letters.length} dead letters?`, asked.yes)
  return letters
})
