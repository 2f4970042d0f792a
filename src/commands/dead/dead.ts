import { Command } from "effect/cli"
import { drop, replay } from "./change.ts"
import { list, show } from "./look.ts"

export const dead = Command.make("dead").pipe(
  Command.withDescription("Look at dead letters, and replay or drop them"),
  Command.withSubcommands([list, show, replay, drop])
)
