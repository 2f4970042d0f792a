import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"
import { Config, Effect, FileSystem, Option, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { freePort } from "./freePort.ts"

export interface RedisServer {
  readonly host: string
  readonly port: number
}

/** Where this machine has a Redis, or a Valkey, which speaks the same. */
export const findRedis = Effect.map(Config.withDefault(Config.String("PATH"), ""), (path) => {
  const candidates = path
    .split(delimiter)
    .flatMap((folder) => ["redis-server", "valkey-server"].map((name) => join(folder, name)))
  return Option.fromUndefinedOr(candidates.find(isExecutable))
})

const isExecutable = (file: string) => Option.isSome(Option.liftThrowable(() => accessSync(file, constants.X_OK))())

/** A private Redis that keeps nothing on disk, on a free port; it goes with the scope. `args`: further settings. */
export const startRedis = (binary: string, args: ReadonlyArray<string> = []) =>
  Effect.flatMap(freePort, (port) => startRedisOn(port, binary, args))

/** The same on this port, where it can come back after it was ended. */
export const startRedisOn = Effect.fnUntraced(function* (
  port: number,
  binary: string,
  args: ReadonlyArray<string> = []
) {
  // Or it would read, and on occasion write, a dump in the folder that we stand in.
  const folder = yield* Effect.flatMap(FileSystem.FileSystem, (files) => files.makeTempDirectoryScoped())
  const server = yield* ChildProcess.make(
    binary,
    ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder, "--appendonly", "no", ...args],
    { stdin: "ignore" }
  )
  yield* server.stdout.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.takeUntil((line) => line.includes("Ready to accept connections")),
    Stream.runDrain
  )
  return { host: "127.0.0.1", port } satisfies RedisServer
})
