import { Console, Effect, FileSystem, Path } from "effect"
import { BenchFailure } from "../BenchFailure.ts"
import { projectFolder } from "../child.ts"
import type { Findings } from "../Section.ts"
import { drawChart } from "./chart.ts"
import { markdownOf, replacePlace } from "./markdown.ts"

/** Puts what was measured into `docs/benchmarks.md`, section by section; what was not measured stays as it was. */
export const writeDocument = Effect.fnUntraced(function* (machine: string, found: ReadonlyMap<string, Findings>) {
  const files = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const folder = path.join(projectFolder, "docs")
  const file = path.join(folder, "benchmarks.md")
  let document = yield* files.readFileString(file)
  const places = new Map([["machine", ["```", machine, "```"].join("\n")]])
  for (const [name, findings] of found) {
    places.set(name, markdownOf(findings))
    for (const chart of findings.charts ?? []) {
      yield* files.writeFileString(path.join(folder, chart.file), drawChart(chart))
    }
  }
  for (const [name, text] of places) {
    const changed = replacePlace(document, name, text)
    if (changed === undefined) return yield* new BenchFailure({ message: `${file} has no place for "${name}"` })
    document = changed
  }
  yield* files.writeFileString(file, document)
  yield* Console.log(`\nwrote ${file}`)
})
