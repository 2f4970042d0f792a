import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { assert, describe, it } from "@effect/vitest"

const documents = [
  "README.md",
  ...readdirSync("docs")
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name))
]

describe("the documents", () => {
  it.each(documents)("%s links to files that are there", (document) => {
    for (const [, target = ""] of readFileSync(document, "utf8").matchAll(/\]\((?!\w+:|#)([^)#]+)[^)]*\)/g)) {
      assert.isTrue(existsSync(join(dirname(document), target)), target)
    }
  })
})
