import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import { runCommand } from "./program.ts"
import { World, world } from "./world.ts"

const request = {
  account: "123456789012",
  principal: "alice",
  "principal-type": "User",
  action: "add",
  entitlement: "ReadOnlyAccess"
}
const args = ["submit", ...Object.entries(request).flatMap(([name, value]) => [`--${name}`, value])]

describe.skipIf(inject("redis") === undefined)("submit that fails", () => {
  it.live("says in PostgreSQL's words what a role may not do", () =>
    Effect.gen(function* () {
      const { env } = yield* World
      const { code, stderr } = yield* runCommand(env, ...args)
      assert.notStrictEqual(code, 0)
      assert.match(stderr, /^error: [^\n]*permission denied for table csb_requests[^\n]*\n$/)
    }).pipe(Effect.provide(world()))
  )
})
