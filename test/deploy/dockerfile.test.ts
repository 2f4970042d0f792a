import { readFile } from "node:fs/promises"
import { assert, it } from "@effect/vitest"
import { validate } from "dockerfile-utils"
import { Effect } from "effect"

it.effect("the Dockerfile has nothing that its linter minds", () =>
  Effect.gen(function* () {
    const dockerfile = yield* Effect.promise(() => readFile("Dockerfile", "utf8"))
    assert.deepStrictEqual(validate(dockerfile), [])
  })
)
