import { fileURLToPath } from "node:url"
import { Deferred, Effect, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { BenchFailure } from "./BenchFailure.ts"

export const projectFolder = fileURLToPath(new URL("..", import.meta.url))

/**
 * A process of Node.js, which goes with the scope. What it says goes through a pipe, as in a container; of that only the line
 * `ready` and the end, when it fails, are of interest.
 */
export const startChild = Effect.fnUntraced(function* (
  name: string,
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>>
) {
  const child = yield* ChildProcess.make(process.execPath, args, {
    cwd: projectFolder,
    stdin: "ignore",
    forceKillAfter: "30 seconds",
    env
  })
  let lastWords: Uint8Array = new Uint8Array()
  const saysReady = yield* Deferred.make<void>()
  yield* Effect.forkScoped(
    Stream.runForEach(child.all, (chunk) =>
      Effect.suspend(() => {
        lastWords = chunk
        return Buffer.from(chunk).toString().startsWith("ready\n")
          ? Deferred.succeed(saysReady, undefined)
          : Effect.void
      })
    )
  )
  const failed = (what: string) =>
    Effect.suspend(() =>
      Effect.fail(new BenchFailure({ message: `${name} ${what}: ${Buffer.from(lastWords).toString().trim()}` }))
    )
  const readyWhen = <R>(ready: Effect.Effect<unknown, never, R>) =>
    ready.pipe(
      Effect.raceFirst(Effect.andThen(Effect.ignore(child.exitCode), failed("ended before it was ready"))),
      Effect.timeoutOrElse({ duration: "30 seconds", orElse: () => failed("is not ready after 30 seconds") }),
      Effect.asVoid
    )
  const stop = Effect.ignore(child.kill({ forceKillAfter: "30 seconds" })).pipe(
    Effect.andThen(Effect.orElseSucceed(child.exitCode, () => -1)),
    Effect.flatMap((code) => (code === 0 ? Effect.void : failed(`ended with ${code} on SIGTERM`)))
  )
  return { pid: child.pid, stop, saysReady: Deferred.await(saysReady), readyWhen }
})
