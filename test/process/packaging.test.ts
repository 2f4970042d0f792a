import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { tmpdir, userInfo } from "node:os"
import { dirname, join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import { freePort } from "../../local/freePort.ts"
import { eventually } from "./program.ts"
import { awaitStatus, request, World, world } from "./world.ts"

/** The instructions of the Dockerfile, stage by stage, with continued lines joined. */
const instructions = (dockerfile: string) =>
  dockerfile
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .filter((line) => /^[A-Z]+ /.test(line))
    .map((line) => ({ name: line.slice(0, line.indexOf(" ")), rest: line.slice(line.indexOf(" ") + 1) }))

const parseArray = (text: string): ReadonlyArray<string> => JSON.parse(text.slice(text.indexOf("[")))

const exec = (command: string, cwd: string) => {
  const { status, stderr, stdout } = spawnSync("sh", ["-c", command], { cwd, encoding: "utf8" })
  assert.strictEqual(status, 0, `${command}\n${stdout}\n${stderr}`)
}

/** Walks the Dockerfile without Docker: the files that the build sees, its commands, and what the image keeps of them. */
const buildImage = Effect.acquireRelease(
  Effect.promise(async () => {
    const steps = instructions(await readFile("Dockerfile", "utf8"))
    const stage = steps.findLastIndex((step) => step.name === "FROM")
    const folder = await mkdtemp(join(tmpdir(), "worker-image-"))
    const [build, image] = [join(folder, "build"), join(folder, "image")]
    await mkdir(build)
    await mkdir(image)

    // .dockerignore shuts everything out, and lets these in again.
    const ignore = (await readFile(".dockerignore", "utf8")).split("\n").filter((line) => line !== "")
    assert.strictEqual(ignore[0], "*")
    const context = ignore.slice(1).map((line) => line.slice(1))

    for (const { name, rest } of steps.slice(0, stage)) {
      if (name === "COPY") {
        for (const source of rest.split(" ").slice(0, -1)) {
          const path = source.replace(/^\.\//, "")
          assert.include(context, path, "COPY of what .dockerignore shuts out")
          await cp(path, join(build, path), { recursive: true })
        }
      }
      if (name === "RUN") exec(rest, build)
    }
    for (const { name, rest } of steps.slice(stage)) {
      if (name === "COPY") {
        const path = rest.split(" ")[1]?.replace("/app/", "") ?? ""
        await cp(join(build, path), join(image, path), { recursive: true, verbatimSymlinks: true })
      }
    }
    await chmod(folder, 0o755)
    return { folder, image, steps: steps.slice(stage) }
  }),
  ({ folder }) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
)

/** Some user without rights: `nobody` for root, oneself for everybody else. */
const unprivileged = userInfo().uid === 0 ? { uid: 65_534, gid: 65_534 } : {}

const launch = (args: ReadonlyArray<string>, cwd: string, env: Readonly<Record<string, string>>) => {
  const [command = "", ...rest] = args
  // The image's node is this one; its folder may be closed to others.
  return spawn(command === "node" ? node.path : command, rest, { cwd, env, stdio: "pipe", ...unprivileged })
}
const node = { path: process.execPath }

const exitOf = (child: ChildProcess) => {
  const ended = new Promise<number | null>((resolve) => {
    child.on("close", resolve)
  })
  return Effect.promise(() => ended)
}

describe.skipIf(inject("redis") === undefined)("the container image", () => {
  it.live(
    "is built as the Dockerfile says, holds no more than it needs, runs as nobody, and ends on SIGTERM",
    () =>
      Effect.gen(function* () {
        const { folder, image, steps } = yield* buildImage
        const stepOf = (name: string) => steps.findLast((step) => step.name === name)?.rest ?? ""
        yield* Effect.promise(async () => {
          // The build holds the dependencies, and nothing that is for development alone.
          assert.sameMembers(await readdir(image), ["package.json", "dist"])
          node.path = join(folder, "node")
          await cp(process.execPath, node.path)
          await chmod(dirname(node.path), 0o755)
        })
        assert.strictEqual(stepOf("USER"), "csbuser")

        const { env } = yield* World
        const port = yield* freePort
        const worker = launch(parseArray(stepOf("CMD")), image, {
          ...env,
          NODE_ENV: "production",
          HTTP_PORT: String(port),
          HTTP_ADMIN_TOKEN: "sesame"
        })
        const exit = exitOf(worker)
        yield* Effect.addFinalizer(() => Effect.sync(() => worker.kill("SIGKILL")))
        const ready = Effect.promise(() =>
          fetch(`http://127.0.0.1:${port}/ready`).then(
            ({ status }) => status,
            () => 0
          )
        )
        yield* eventually(ready, (status) => status === 200)

        const page = yield* Effect.promise(() => fetch(`http://127.0.0.1:${port}/assets/app.js`))
        assert.strictEqual(page.status, 200, "the dashboard is in the image")

        const healthCheck = parseArray(stepOf("HEALTHCHECK"))
        assert.strictEqual(yield* exitOf(launch(healthCheck, image, { HTTP_PORT: String(port) })), 0)
        assert.strictEqual(yield* exitOf(launch(healthCheck, image, { HTTP_PORT: "1" })), 1)

        const job = yield* request()
        yield* awaitStatus(job.correlation_id, "SUCCESS")
        worker.kill("SIGTERM")
        assert.strictEqual(yield* exit, 0)
      }).pipe(Effect.scoped, Effect.provide(world())),
    { timeout: 180_000 }
  )
})
