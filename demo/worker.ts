import { Console as NodeConsole } from "node:console"
import { randomUUID } from "node:crypto"
import { createWriteStream } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Console, Effect, Layer } from "effect"
import { ConfigLive } from "../src/layers/environment/ConfigLive.ts"
import { workerLive } from "../src/layers/WorkerLive.ts"
import { consume } from "../src/programs/consume.ts"
import { environment } from "./environment.ts"
import { Servers } from "./servers.ts"

/**
 * The worker as `run` starts it, but with the Redis that is around, in this process, and with its stdout in a file. It
 * drains when it is interrupted.
 */
export const runWorker = Effect.fnUntraced(function* (stdout: Console.Console) {
  const Live = workerLive(Layer.empty).pipe(
    Layer.provideMerge(ConfigLive),
    Layer.provide(environment(yield* Servers, "csb_aws_user")),
    Layer.provide(NodeFileSystem.layer),
    Layer.fresh
  )
  return yield* consume.pipe(Effect.provide(Live), Effect.provideService(Console.Console, stdout))
})

/** A file that stays, and a console that writes to it. */
export const openLog = Effect.gen(function* () {
  const path = join(tmpdir(), `worker-service-aws-demo-${randomUUID()}.log`)
  const file = yield* Effect.acquireRelease(
    Effect.sync(() => createWriteStream(path, { flags: "wx" })),
    (stream) => Effect.callback<void>((resume) => void stream.end(() => resume(Effect.void)))
  )
  const console: Console.Console = new NodeConsole({ stdout: file, stderr: file })
  return { path, console }
})
