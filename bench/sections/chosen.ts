import { Effect } from "effect"
import { BenchFailure } from "../BenchFailure.ts"
import { sections } from "./all.ts"

/** The sections that these names are of, with commas between; all for none. */
export const chosenSections = (names: string) => {
  if (names === "") return Effect.succeed(sections)
  const wanted = new Set(names.split(",").map((name) => name.trim()))
  const chosen = sections.filter(({ name }) => wanted.has(name))
  return chosen.length === wanted.size
    ? Effect.succeed(chosen)
    : Effect.fail(
        new BenchFailure({ message: `--only takes ${sections.map(({ name }) => name).join(",")}, not "${names}"` })
      )
}
