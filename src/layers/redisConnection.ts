import { Effect, Option, Redacted } from "effect"
import { Redis as Client } from "ioredis"
import { BackendUnavailable } from "../domain/StartupError.ts"
import { RedisConfig } from "../services/Config.ts"
import { readCa } from "./readCa.ts"

/** Milliseconds without an answer to what was asked, after which a connection counts as dead. Blocking commands wait for one. */
const silence = 5_000

/**
 * Opens a connection, which ends with the scope and reconnects by itself meanwhile. Fails when Redis cannot be reached now.
 */
export const redisConnection = Effect.gen(function* () {
  const config = yield* RedisConfig
  const ca = yield* Effect.transposeOption(Option.map(config.tlsCa, readCa("REDIS_TLS_CA")))
  const client = new Client({
    host: config.host,
    port: config.port,
    ...(Option.isSome(config.username) && { username: config.username.value }),
    ...(Option.isSome(config.password) && { password: Redacted.value(config.password.value) }),
    ...(config.tls && { tls: Option.isSome(ca) ? { ca: ca.value } : {} }),
    socketTimeout: silence,
    lazyConnect: true,
    connectTimeout: silence,
    // After a failover the old master may still hold our connections.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
    retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 6), 2_000),
    // Retrying is the caller's: a command fails as soon as its connection does, and none waits in a queue unseen.
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    // What comes in the same turn of the event loop goes out in one write, which is what a command costs most.
    enableAutoPipelining: true,
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
    try: async () => {
      await client.connect()
      // Connecting succeeds without a password that Redis asks for; an ACL that forbids PING shows that we are known.
      await client.ping().catch((error: Error) => {
        if (!error.message.startsWith("NOPERM")) throw error
      })
    },
    catch: (cause) =>
      new BackendUnavailable({
        backend: "Redis",
        address,
        reason: reason || (cause instanceof Error ? cause.message : String(cause)),
        remedy: "Check that it runs, and REDIS_HOST, REDIS_PORT, REDIS_USERNAME, REDIS_PASSWORD, REDIS_TLS"
      })
  }).pipe(
    Effect.as(client),
    Effect.onError(() => Effect.sync(() => client.disconnect()))
  )
}
