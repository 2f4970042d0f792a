import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { GetCallerIdentityCommand } from "@aws-sdk/client-sts"
import { STSClient } from "@aws-sdk/client-sts"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { LocalAws } from "../../../local/aws/LocalAws.ts"
import { send, withAws } from "./fixture.ts"

const main = fileURLToPath(new URL("../../../local/aws/main.ts", import.meta.url))

/** Runs main.ts: its first line, and its exit code once it ends. The process ends with the scope. */
const run = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "pipe"] })),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  const exit = new Promise<number | null>((resolve) => child.once("exit", resolve))
  const line = new Promise<string>((resolve) => createInterface(child.stdout).once("line", resolve))
  return { child, exit: Effect.promise(() => exit), line: Effect.promise(() => line) }
})

it.effect("main serves until SIGTERM, and says how to point the worker at it", () =>
  Effect.gen(function* () {
    const { child, exit, line } = yield* run("--port", "0", "--open", "--latency", "1")
    const { groups } =
      /^local AWS at (?<url>http:\/\/127\.0\.0\.1:\d+); point the worker at it with AWS_ENDPOINT_URL=\k<url> AWS_REGION=(?<region>\S+) AWS_ACCESS_KEY=(?<key>\S+) AWS_SECRET_KEY=(?<secret>\S+)$/.exec(
        yield* line
      ) ?? {}
    const sts = new STSClient({
      endpoint: groups?.["url"] ?? "",
      region: groups?.["region"] ?? "",
      credentials: { accessKeyId: groups?.["key"] ?? "", secretAccessKey: groups?.["secret"] ?? "" }
    })
    const identity = yield* send((options) => sts.send(new GetCallerIdentityCommand(), options))
    assert.strictEqual(identity.Account, "999999999999")
    child.kill("SIGTERM")
    assert.strictEqual(yield* exit, 0)
    sts.destroy()
  })
)

it.effect("main fails on a port that is taken", () =>
  Effect.gen(function* () {
    const { url } = yield* LocalAws
    const { exit } = yield* run("--port", new URL(url).port)
    assert.strictEqual(yield* exit, 1)
  }).pipe(withAws())
)

it.effect("the layer fails on a port that is taken", () =>
  Effect.gen(function* () {
    const { url } = yield* LocalAws
    const port = Number(new URL(url).port)
    const error = yield* Effect.flip(LocalAws.pipe(Effect.provide(LocalAws.layer({ port }))))
    assert.strictEqual(error.message, `The local AWS cannot listen on 127.0.0.1:${port}`)
  }).pipe(withAws())
)
