import { Console, DateTime, Effect, Schema, Terminal } from "effect"
import { Command, Flag } from "effect/cli"
import { DeadLetters } from "../../services/DeadLetters.ts"
import { DeadLetterList } from "../backends.ts"
import { json } from "../flags.ts"
import { letterAsJson, letterForPeople, lettersAsJson, lettersForPeople } from "../render/deadLetters.ts"
import { style } from "../render/style.ts"
import { reportToPerson } from "../report.ts"
import { findLetter, id } from "./letters.ts"

const page = {
  limit: Flag.Int("limit").pipe(
    Flag.withDescription("How many; 20 unless told"),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000 }))),
    Flag.withDefault(20)
  ),
  offset: Flag.Int("offset").pipe(
    Flag.withDescription("How many newer ones to skip; 0 by default"),
    Flag.withSchema(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))),
    Flag.withDefault(0)
  )
}

export const list = Command.make("list", { ...page, json }, (asked) =>
  Effect.gen(function* () {
    const letters = yield* (yield* DeadLetters).list(asked)
    if (asked.json) return yield* Console.log(lettersAsJson(letters))
    if (letters.length === 0) {
      return yield* Console.log(asked.offset === 0 ? "no dead letters" : "no older dead letters")
    }
    const width = yield* Effect.flatMap(Terminal.Terminal, (terminal) => terminal.columns)
    yield* Console.log(lettersForPeople(letters, yield* style, width))
    if (letters.length === asked.limit) yield* Console.log(`\nolder ones: --offset ${asked.offset + asked.limit}`)
  }).pipe(Effect.provide(DeadLetterList), reportToPerson)
).pipe(Command.withDescription("List dead letters, the newest first"))

export const show = Command.make("show", { id, json }, (asked) =>
  Effect.gen(function* () {
    const letter = yield* findLetter(asked.id)
    yield* Console.log(asked.json ? letterAsJson(letter) : letterForPeople(letter, yield* DateTime.now, yield* style))
  }).pipe(Effect.provide(DeadLetterList), reportToPerson)
).pipe(Command.withDescription("Show a dead letter with its payload, and what may be done about it"))
