import { Effect, Option, Queue, Redacted } from "effect"
import { Cluster, Redis } from "ioredis"
import { BackendUnavailable, remedyFor } from "../../domain/StartupError.ts"
import { type Address, RedisConfig, type RedisServers } from "../../services/Config.ts"
import { makeClient, nodesOf, type RedisClient, retryAfter } from "./redisClient.ts"

/**
 * Opens a connection, which closes with the scope and reconnects by itself until then; for a cluster, one to each master. Fails when Redis
 * cannot be reached now.
 */
export const redisConnection = Effect.gen(function* () {
  const config = yield* RedisConfig
  const { servers } = config
  // A cluster client does not say why its seed cannot be reached.
  if (servers._tag === "Cluster") {
    yield* Effect.scoped(connect({ ...config, servers: { _tag: "Single", address: servers.seed } }))
  }
  return yield* connect(config)
})

const connect = Effect.fnUntraced(function* (config: RedisConfig["Service"]) {
  const client = yield* Effect.acquireRelease(
    Effect.sync(() => makeClient(config)),
    (it) => Effect.sync(() => it.disconnect())
  )
  const keep = yield* keepPasswords(client, config)
  yield* open(client, config)
  yield* Effect.forkScoped(keep)
  return client
})

/**
 * Gives the client its passwords. Returns an effect that reads them again whenever a connection ended or was refused, since the next may
 * need new ones, and logs why, once for each outage. It never ends. What is connected stays connected.
 */
const keepPasswords = Effect.fnUntraced(function* (client: RedisClient, { password, servers }: RedisConfig["Service"]) {
  let current: string | undefined
  const give = (node: Redis) => void (node.options.password = current)
  const renew = Effect.gen(function* () {
    current = yield* valueOf(password)
    nodesOf(client).forEach(give)
    if (client instanceof Redis && servers._tag === "Sentinel") {
      client.options.sentinelPassword = yield* valueOf(servers.password)
    }
  })

  const ended = yield* Queue.sliding<string>(8)
  const onEnd = () => void Queue.offerUnsafe(ended, "")
  const onError = ({ message }: Error) => void Queue.offerUnsafe(ended, message.trim())
  if (client instanceof Cluster) client.on("+node", give).on("-node", onEnd).on("node error", onError)
  else client.on("close", onEnd).on("sentinelError", onError).on("error", onError)
  let told = ""
  client.on("ready", () => (told = ""))

  yield* renew
  const keep = Effect.gen(function* () {
    const reason = yield* Queue.take(ended)
    yield* renew
    if (reason === "" || reason === told) return
    told = reason
    yield* Effect.logWarning("no connection to Redis").pipe(
      Effect.annotateLogs({ error_type: "Redis Unavailable", error_message: reason })
    )
  })
  // What failed until now has been reported, or did no harm.
  return Effect.andThen(Queue.clear(ended), Effect.forever(keep))
})

const valueOf = (secret: RedisConfig["Service"]["password"]) =>
  Effect.map(Effect.transposeOption(secret), (it) => Option.getOrUndefined(Option.map(it, Redacted.value)))

const open = (client: RedisClient, config: RedisConfig["Service"]) => {
  // ioredis rejects with "Connection is closed." and the like. Why it was closed comes before that, as an event.
  const details = new Set<string>()
  let reason = ""
  const note = (error: Error) => void details.add(error.message.trim())
  client.on("node error", note).on("sentinelError", note)
  client.on("error", (error: Error) => (reason = error.message.trim()))
  return Effect.tryPromise({
    try: async () => {
      await client.connect()
      // Otherwise a node is connected to when it is first needed, and what else is asked meanwhile fails.
      if (client instanceof Cluster) await Promise.allSettled(client.nodes("master").map((node) => node.connect()))
      // Connecting succeeds even without a password that Redis asks for. An ACL that forbids PING shows that we are known.
      await client.ping().catch((error: Error) => {
        if (!error.message.startsWith("NOPERM")) throw error
      })
      if (client instanceof Redis) client.options.sentinelRetryStrategy = retryAfter
      client.off("node error", note).off("sentinelError", note)
    },
    catch: (cause) => {
      const why = [...details].join("; ") || reason || (cause instanceof Error ? cause.message : String(cause))
      return new BackendUnavailable({
        backend: "Redis",
        address: nameOf(config.servers),
        reason: why,
        remedy: remedyFor(why, {
          check: [...variablesOf(config.servers), "REDIS_USERNAME", "REDIS_PASSWORD", "REDIS_TLS"],
          ca: "REDIS_TLS_CA"
        })
      })
    }
  })
}

const text = ({ host, port }: Address) => `${host}:${port}`

const nameOf = (servers: RedisServers): string => {
  switch (servers._tag) {
    case "Single":
      return text(servers.address)
    case "Cluster":
      return text(servers.seed)
    case "Sentinel":
      return `${servers.master} of ${servers.sentinels.map(text).join(", ")}`
  }
}

const variablesOf = ({ _tag }: RedisServers): ReadonlyArray<string> =>
  _tag === "Sentinel"
    ? ["REDIS_SENTINELS", "REDIS_SENTINEL_NAME", "REDIS_SENTINEL_PASSWORD"]
    : ["REDIS_HOST", "REDIS_PORT"]
