import { assert } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { runCommand } from "./program.ts"
import { World } from "./world.ts"

const Findings = Schema.fromJsonString(
  Schema.Array(
    Schema.Struct({
      check: Schema.String,
      status: Schema.Literals(["ok", "warning", "failed", "skipped"]),
      detail: Schema.String,
      remedy: Schema.NullOr(Schema.String)
    })
  )
)
const decode = Schema.decodeSync(Findings)

/** What the doctor finds in a world whose environment is changed. */
export const examine = Effect.fnUntraced(function* (
  changes: Readonly<Record<string, string>> = {},
  ...args: ReadonlyArray<string>
) {
  const { env } = yield* World
  const { code, stderr, stdout } = yield* runCommand(
    { ...env, HTTP_HOST: "127.0.0.1", HTTP_PORT: "0", ...changes },
    "doctor",
    "--json",
    ...args
  )
  const findings = decode(stdout)
  return {
    code,
    output: stdout + stderr,
    findings,
    /** Names of the checks with this status. */
    with: (status: (typeof findings)[number]["status"]) =>
      findings.filter((it) => it.status === status).map(({ check }) => check),
    of: (check: string) => findings.find((it) => it.check === check) ?? assert.fail(`no check ${check} in ${stdout}`)
  }
})
