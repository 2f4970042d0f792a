import { Console, Effect, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { Refused } from "../../domain/Refused.ts"
import { replayLetter } from "../../programs/operate/replayLetter.ts"
import { DeadLetters, type StoredLetter } from "../../services/DeadLetters.ts"
import { DatabaseAndQueue, DeadLetterList } from "../backends.ts"
import { by, why } from "../flags.ts"
import { plain } from "../render/text.ts"
import { reportToPerson } from "../report.ts"
import { chooseLetters, chosen } from "./letters.ts"

class SomeRefused extends Schema.TaggedError<SomeRefused>()("SomeRefused", { refused: Schema.Int, of: Schema.Int }) {
  override get message() {
    return `${this.refused} of ${this.of} dead letters were refused, and are as they were`
  }
}

/** One after the other. A letter that is refused stays, and the rest goes on. `change` answers what it did, in words. */
const changeEach = Effect.fnUntraced(function* <E, R>(
  letters: ReadonlyArray<StoredLetter>,
  change: (letter: StoredLetter) => Effect.Effect<string, E | Refused, R>
) {
  if (letters.length === 0) return yield* Console.log("no dead letters")
  const refusals = yield* Effect.forEach(letters, (letter) =>
    Effect.flatMap(change(letter), Console.log).pipe(
      Effect.as([]),
      Effect.catchIf(
        (error): error is Refused => error instanceof Refused,
        (refused) => Effect.succeed([{ letter, refused }])
      )
    )
  )
  const [first, ...more] = refusals.flat()
  if (first === undefined) return
  if (letters.length === 1) return yield* first.refused
  for (const { letter, refused } of [first, ...more]) {
    yield* Console.error(`refused ${letter.id}: ${plain(refused.message)}`)
  }
  return yield* new SomeRefused({ refused: 1 + more.length, of: letters.length })
})

export const replay = Command.make("replay", { ...chosen, by: Flag.optional(by), why: Flag.optional(why) }, (asked) =>
  Effect.gen(function* () {
    if (Option.isSome(asked.by) !== Option.isSome(asked.why)) {
      return yield* new Refused({ reason: "--by and --why belong together", remedy: "Give both, or neither" })
    }
    const intervention = Option.all({ by: asked.by, why: asked.why })
    const letters = yield* chooseLetters("replay", asked)
    // Jobs are to be taken in the order in which they failed.
    yield* changeEach(asked.all ? letters.toReversed() : letters, (letter) =>
      Effect.map(
        replayLetter(letter, intervention),
        (request) => `replayed ${letter.id}: the job of ${request} is in the queue`
      )
    )
  }).pipe(Effect.provide(DatabaseAndQueue), reportToPerson)
).pipe(
  Command.withDescription(
    "Put payloads back into the queue, byte for byte, and remove their letters. Refused, with what to do instead, where no worker would carry out the job"
  ),
  Command.withShortDescription("Put payloads back into the queue"),
  Command.withExamples([
    { command: "worker-service-aws dead replay 3fa2b1c09d4e", description: "Its request is PENDING" },
    {
      command: 'worker-service-aws dead replay 3fa2b1c09d4e --by ann --why "OPS-17: worker fixed"',
      description: "Its request is FAILED, and goes back through PENDING"
    }
  ])
)

export const drop = Command.make("drop", chosen, (asked) =>
  Effect.gen(function* () {
    const deadLetters = yield* DeadLetters
    // Redis searches for each from the newest on: to drop the oldest of many first would hold up the workers' commands.
    const letters = yield* chooseLetters("drop", asked)
    yield* changeEach(letters, (letter) =>
      Effect.as(deadLetters.drop(letter), `dropped ${letter.id}: ${plain(letter.reason)}`)
    )
  }).pipe(Effect.provide(DeadLetterList), reportToPerson)
).pipe(Command.withDescription("Delete dead letters for good"))
