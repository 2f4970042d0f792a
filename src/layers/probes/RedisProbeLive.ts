import { Effect, FileSystem, Layer, Option } from "effect"
import { Redis as Client } from "ioredis"
import { RedisConfig } from "../../services/Config.ts"
import { Pauses } from "../../services/Pauses.ts"
import type { RedisError } from "../../services/Redis.ts"
import { type CommandsTried, type RefusedCommand, RedisProbe } from "../../services/RedisProbe.ts"
import { RedisConfigLive } from "../environment/ConfigLive.ts"
import { commandsOf, type KeylessCommand, keylessCommands } from "../queue/commands.ts"
import { PausesRedis } from "../queue/PausesRedis.ts"
import { redisError, RedisLive } from "../redis/RedisLive.ts"
import type { RedisClient } from "../redis/redisClient.ts"
import { redisConnection } from "../redis/redisConnection.ts"

/** A connection like the worker's own, but never reopened: on a new one, commands meant for the open MULTI would be carried out. */
export const RedisProbeLive = Layer.effect(
  RedisProbe,
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    return RedisProbe.of({
      connect: Effect.gen(function* () {
        const config = yield* RedisConfig
        const client = yield* redisConnection.pipe(Effect.provideService(RedisConfig, oneServerOf(config)))
        if (client instanceof Client) {
          client.options.retryStrategy = () => null
          client.options.reconnectOnError = null
        }
        return {
          fetchMode: config.fetchMode,
          user: Option.getOrElse(config.username, () => "default"),
          info: Effect.tryPromise({ try: () => client.info(), catch: (cause) => redisError("INFO", cause) }).pipe(
            Effect.map((text) => Option.some(fieldsOf(text))),
            Effect.catchIf(
              (error) => error.reason === "Denied",
              () => Effect.succeed(Option.none())
            )
          ),
          tryCommands: tryCommands(client, config.queue, config.fetchMode),
          // On connections of its own, which follow a cluster's redirections.
          pauses: Effect.flatMap(Pauses, ({ all }) => all).pipe(
            Effect.provide(PausesRedis.pipe(Layer.provide(RedisLive))),
            Effect.provideService(RedisConfig, config)
          )
        }
      }).pipe(Effect.provide(RedisConfigLive), Effect.provideService(FileSystem.FileSystem, files))
    })
  })
)

/**
 * For a cluster, only the configured node, since a transaction stays on one; it redirects keys that are another node's only after it has
 * asked the ACL.
 */
const oneServerOf = (config: RedisConfig["Service"]): RedisConfig["Service"] =>
  config.servers._tag === "Cluster" ? { ...config, servers: { _tag: "Single", address: config.servers.seed } } : config

/**
 * The ACL is asked about a command before it is queued in MULTI (https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/),
 * and what was queued is dropped with the connection, since EXEC never comes. Without MULTI, commands that would change something are not tried.
 */
const tryCommands = Effect.fnUntraced(function* (client: RedisClient, queue: string, fetchMode: "blmove" | "brpop") {
  const send = (command: string, args: ReadonlyArray<string>) =>
    Effect.tryPromise({ try: () => client.call(command, ...args), catch: (cause) => redisError(command, cause) }).pipe(
      Effect.as(Option.none<RedisError>()),
      Effect.catchIf(
        (error) => error.reason !== "Unavailable",
        (error) => Effect.succeed(Option.some(error))
      )
    )
  const ping = yield* send("ping", [])
  const exec = yield* send("exec", [])
  const multi = yield* send("multi", [])
  const queueing = Option.isNone(multi)
  const answers: Readonly<Record<KeylessCommand, Option.Option<RedisError>>> = { ping, exec, multi }
  const keyless = keylessCommands(fetchMode).map((it) => ({ ...it, keys: [], answer: answers[it.command] }))

  const commands = commandsOf(queue, fetchMode)
  const keyed = yield* Effect.forEach(
    commands.filter(({ changes }) => queueing || !changes),
    ({ command, tries, use }) =>
      Effect.forEach(tries, ([keys, ...rest]) =>
        Effect.map(send(command, [...keys, ...rest]), (answer) => ({
          command,
          use,
          keys: keys.map((key) => patternOf(key, queue)),
          answer
        }))
      ),
    { concurrency: "unbounded" }
  )
  const all = [...keyless, ...keyed.flat()]
  return {
    tried: new Set(all.map(({ command }) => command)).size,
    refused: all.flatMap(({ answer, command, keys, use }) =>
      Option.match(Option.flatMap(answer, refusalOf), {
        onNone: () => [],
        onSome: (refusal) => [{ command, use, keys, ...refusal }]
      })
    ),
    untried: queueing ? [] : commands.filter(({ changes }) => changes).map(({ command }) => command)
  } satisfies CommandsTried
})

/** Redis's own words tell whether the ACL let a command in. Errors about its arguments come after that. */
const refusalOf = ({ message }: RedisError): Option.Option<Pick<RefusedCommand, "why" | "reason">> => {
  if (message.startsWith("NOPERM")) {
    return Option.some({
      why: /\bkeys?\b/.test(message) && !/\bcommand\b/.test(message) ? "key" : "command",
      reason: message
    })
  }
  if (/^ERR unknown command/i.test(message)) return Option.some({ why: "unknown", reason: message })
  return /^(?:READONLY|OOM|MISCONF|NOREPLICAS|MASTERDOWN|LOADING|CLUSTERDOWN)\b/.test(message)
    ? Option.some({ why: "other", reason: message })
    : Option.none()
}

/** The pattern by which an ACL names the key. */
const patternOf = (key: string, queue: string): string =>
  key.startsWith(`{${queue}}:`) ? `{${queue}}:*` : key.startsWith("cache:status:") ? "cache:status:*" : key

/** https://redis.io/docs/latest/commands/info/ */
const fieldsOf = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    text.split("\r\n").flatMap((line) => {
      const at = line.indexOf(":")
      return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)]]
    })
  )
