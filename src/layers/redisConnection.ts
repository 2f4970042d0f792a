import { Effect, FileSystem, Option, Redacted } from "effect"
import { Redis as Client } from "ioredis"
import { BackendUnavailable } from "../domain/StartupError.ts"
import { ConfigInvalid, RedisConfig } from "../services/Config.ts"

/** Milliseconds without an answer after which a command, or a connection that always has one under way, counts as dead. */
const silence = 5_000

/** How a connection is used: `blocking` ones always have a command under way, which may take a second. */
type Use = "blocking" | "commands"

/**
 * Opens a connection, which ends with the scope and reconnects by itself meanwhile. Fails when Redis cannot be reached now.
 */
export const redisConnection = Effect.fnUntraced(function* (use: Use) {
  const config = yield* RedisConfig
  const ca = yield* Effect.transposeOption(Option.map(config.tlsCa, readCa))
  const client = new Client({
    host: config.host,
    port: config.port,
    ...(Option.isSome(config.username) && { username: config.username.value }),
    ...(Option.isSome(config.password) && { password: Redacted.value(config.password.value) }),
    ...(config.tls && { tls: Option.isSome(ca) ? { ca: ca.value } : {} }),
    ...(use === "blocking" ? { socketTimeout: silence } : { commandTimeout: silence }),
    lazyConnect: true,
    connectTimeout: silence,
    retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 6), 2_000),
    // Retrying is the caller's: a command fails as soon as its connection does, and none waits in a queue unseen.
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    // HELLO, INFO and CLIENT would each need a grant in the ACL, and HELLO a Redis ≥ 6.
    protocol: 2,
    enableReadyCheck: false,
    disableClientInfo: true
  })
  return yield* Effect.acquireRelease(open(client, `${config.host}:${config.port}`), () =>
    Effect.sync(() => client.disconnect())
  )
})

const open = (client: Client, address: string) => {
  // ioredis rejects with "Connection is closed."; why it was closed only comes as an event.
  let reason = ""
  client.on("error", (error: Error) => (reason = error.message))
  return Effect.tryPromise({
    try: () => client.connect(),
    catch: (cause) =>
      new BackendUnavailable({
        backend: "Redis",
        address,
        reason: reason || String(cause),
        remedy: "Check that it runs, and REDIS_HOST, REDIS_PORT, REDIS_USERNAME, REDIS_PASSWORD, REDIS_TLS"
      })
  }).pipe(
    Effect.as(client),
    Effect.onError(() => Effect.sync(() => client.disconnect()))
  )
}

const readCa = (path: string) =>
  Effect.flatMap(FileSystem.FileSystem, (files) => files.readFileString(path)).pipe(
    Effect.mapError((error) => new ConfigInvalid({ faults: [`REDIS_TLS_CA: ${error.message}`] }))
  )
