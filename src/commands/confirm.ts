import { Effect } from "effect"
import { Flag, Prompt, TerminalCapabilities } from "effect/cli"
import { Refused } from "../domain/Refused.ts"

export const yes = Flag.Boolean("yes").pipe(
  Flag.withoutNegation,
  Flag.withDescription("Do not ask; needed where nobody can be asked"),
  Flag.withDefault(false)
)

/** Asks a person at a terminal; elsewhere only `--yes` says yes. */
export const confirm = Effect.fnUntraced(function* (question: string, said: boolean) {
  if (said) return
  const { canPrompt } = yield* TerminalCapabilities.TerminalCapabilities
  if (!canPrompt) {
    return yield* new Refused({ reason: `${question} Nobody can be asked here`, remedy: "If so, say --yes" })
  }
  const confirmed = yield* Prompt.Confirm({ message: question }).pipe(
    Effect.catchTag("QuitError", () => Effect.succeed(false))
  )
  if (!confirmed) return yield* new Refused({ reason: "not confirmed", remedy: "Nothing was changed" })
})
