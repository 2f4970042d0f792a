import { spawn, spawnSync } from "node:child_process"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import { aJob } from "../fixture.ts"
import { operator } from "./operator.ts"
import { eventually, runCommand } from "./program.ts"
import { commitRow, lengths, World, world } from "./world.ts"

/** The program on a terminal of its own, by util-linux's `script`. `keys` are pressed once it asks. */
const onTerminal = (env: Readonly<Record<string, string>>, keys: string, ...args: ReadonlyArray<string>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const command = [process.execPath, "dist/main.js", ...args].join(" ")
      const child = spawn("script", ["--quiet", "--return", "--command", command, "/dev/null"], {
        env: { TERM: "xterm", ...env }
      })
      const output = { text: "" }
      child.stdout.on("data", (chunk: Buffer) => (output.text += chunk.toString()))
      const ended = new Promise<number>((resolve) => {
        child.on("close", (code) => resolve(code ?? -1))
      })
      return { child, ended, output }
    }),
    ({ child, ended, output }) =>
      Effect.gen(function* () {
        if (keys !== "") {
          yield* eventually(
            Effect.sync(() => output.text),
            (text) => text.includes("?") || child.exitCode !== null
          )
          child.stdin.write(keys)
        }
        const code = yield* Effect.promise(() => ended)
        return { code, text: output.text }
      }),
    ({ child, ended }) =>
      Effect.andThen(
        Effect.sync(() => child.kill("SIGKILL")),
        Effect.promise(() => ended)
      )
  )

const hasScript = spawnSync("script", ["--version"]).stdout?.toString().includes("util-linux") ?? false
const escape = "\u001b["

describe.skipIf(inject("redis") === undefined || !hasScript)("on a terminal", () => {
  it.live("colours help the eye, unless NO_COLOR forbids them", () =>
    Effect.gen(function* () {
      const { database } = yield* operator
      const job = aJob()
      yield* commitRow(job)
      const coloured = yield* onTerminal(database, "", "status", job.correlation_id)
      assert.deepStrictEqual([coloured.code, coloured.text.includes(escape)], [0, true])
      for (const more of [{ NO_COLOR: "1" }, { TERM: "dumb" }]) {
        const { code, text } = yield* onTerminal({ ...database, ...more }, "", "status", job.correlation_id)
        assert.include(text, `${job.correlation_id}  PENDING`)
        assert.deepStrictEqual([code, text.includes(escape)], [0, false])
      }
    }).pipe(Effect.scoped, Effect.provide(world()))
  )

  it.live("dead drop --all asks first, and takes nothing but yes for a yes", () =>
    Effect.gen(function* () {
      const { queue, redis } = yield* World
      const { redis: env } = yield* operator
      yield* Effect.promise(() => redis.lpush(`${queue}_error`, "one", "two"))
      for (const [keys, status] of [
        ["n", 1],
        ["\r", 1],
        ["\u0003", 1]
      ] as const) {
        const { code, text } = yield* onTerminal(env, keys, "dead", "drop", "--all")
        assert.include(text, "drop all 2 dead letters?")
        assert.include(text, "Nothing was changed")
        assert.strictEqual(code, status)
      }
      assert.strictEqual((yield* lengths)[2], 2)
      const { code } = yield* onTerminal(env, "y", "dead", "drop", "--all")
      assert.strictEqual(code, 0)
      assert.strictEqual((yield* lengths)[2], 0)
    }).pipe(Effect.scoped, Effect.provide(world()))
  )
})

describe("shell completion", () => {
  it.live("by bash knows the commands and their flags", () =>
    Effect.gen(function* () {
      const { code, stdout } = yield* runCommand({}, "--completions", "bash")
      assert.strictEqual(code, 0)
      /** What bash would offer for the last of these words. */
      const complete = (...words: ReadonlyArray<string>) => {
        const script = `${stdout}
          COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}
          COMP_LINE='${words.join(" ")}'; COMP_POINT=\${#COMP_LINE}
          _worker_service_aws worker-service-aws '${words.at(-1)}' '${words.at(-2)}'
          printf '%s\\n' "\${COMPREPLY[@]}"`
        const { stderr, stdout: offered } = spawnSync("bash", ["--norc", "-c", script])
        assert.strictEqual(stderr.toString(), "")
        return offered
          .toString()
          .split("\n")
          .map((word) => word.trim())
          .filter((word) => word !== "")
      }
      assert.includeMembers(complete("worker-service-aws", ""), ["run", "status", "retry", "queue", "dead"])
      assert.sameMembers(complete("worker-service-aws", "dead", ""), ["list", "show", "replay", "drop"])
      assert.sameMembers(complete("worker-service-aws", "dead", "re"), ["replay"])
      assert.includeMembers(complete("worker-service-aws", "retry", "--"), ["--by", "--why"])
      assert.includeMembers(complete("worker-service-aws", "queue", "--j"), ["--json"])
    })
  )
})
