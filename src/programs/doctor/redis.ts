import { Effect, Option } from "effect"
import { failed, ok, type Outcome, skipped, warning } from "../../domain/Finding.ts"
import type { BackendUnavailable } from "../../domain/StartupError.ts"
import { type CommandsTried, type RedisSession, RedisProbe, type RefusedCommand } from "../../services/RedisProbe.ts"
import { check, checkAfter, checkBackend, remedyFor } from "../checks/check.ts"

const names = { server: "redis", version: "redis version", memory: "redis memory", commands: "redis commands" }

/** The first Redis that has LMOVE and BLMOVE. https://redis.io/docs/latest/commands/blmove/ */
const needed = [6, 2] as const

/** The connection, its version and settings, and what the ACL lets the worker do. */
export const checkRedis = Effect.flatMap(RedisProbe, ({ connect }) => checkBackend(names, connect, unusable, examine))

const unknown = skipped("the ACL does not grant INFO, and need not")

const examine = Effect.fnUntraced(function* (session: RedisSession) {
  const info = yield* Effect.cached(session.info)
  const about = (tell: (fields: Readonly<Record<string, string>>) => Outcome) =>
    Effect.map(info, Option.match({ onNone: () => unknown, onSome: tell }))
  const server = yield* check(
    names.server,
    Effect.map(info, (fields) =>
      Option.isSome(fields) && fields.value["role"] === "slave"
        ? failed("it is a replica, and takes no writes", "Set REDIS_HOST to the master, or to a name that follows it")
        : ok(`it answers the user ${session.user}`)
    )
  )
  const version = yield* checkAfter(
    server,
    names.version,
    about((fields) => ofVersion(fields, session.fetchMode))
  )
  const memory = yield* checkAfter(server, names.memory, about(ofMemory))
  const commands = yield* checkAfter(
    version.status === "failed" ? version : server,
    names.commands,
    Effect.map(session.tryCommands, (tried) => ofCommands(tried, session.user))
  )
  return [server, version, memory, commands]
})

const unusable = ({ address, reason, remedy }: BackendUnavailable): Outcome =>
  failed(
    `cannot use ${address}: ${reason}`,
    remedyFor(
      reason,
      [
        [/WRONGPASS|NOAUTH|invalid password|AUTH/, "Set REDIS_USERNAME and REDIS_PASSWORD to the worker's ACL user"],
        [
          /certificate|SSL|TLS|self.signed|ECONNRESET|closed/i,
          "Set REDIS_TLS to what the server speaks, and REDIS_TLS_CA to its CA"
        ],
        [/ENOTFOUND|EAI_AGAIN/, "Correct REDIS_HOST: there is no such name"],
        [
          /ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|timeout/i,
          "Start Redis, or correct REDIS_HOST, REDIS_PORT and REDIS_TLS; look at the firewalls between"
        ]
      ],
      remedy
    )
  )

const ofVersion = (fields: Readonly<Record<string, string>>, fetchMode: "blmove" | "brpop"): Outcome => {
  const version = fields["redis_version"] ?? "unknown"
  const [major = 0, minor = 0] = version.split(".").map(Number)
  const tooOld = major < needed[0] || (major === needed[0] && minor < needed[1])
  return fetchMode === "blmove" && tooOld
    ? failed(
        `Redis ${version} has no BLMOVE`,
        `Upgrade Redis to ${needed.join(".")} or newer, or set REDIS_FETCH_MODE=brpop, which loses jobs when a worker is lost`
      )
    : ok(`${fields["server_name"] === "valkey" ? "Valkey, as Redis" : "Redis"} ${version}, fetch mode ${fetchMode}`)
}

/**
 * A Redis that is full takes no jobs and gives none away, or it evicts keys, and a queue is a key.
 * https://redis.io/docs/latest/develop/reference/eviction/
 */
const ofMemory = (fields: Readonly<Record<string, string>>): Outcome => {
  const policy = fields["maxmemory_policy"] ?? "unknown"
  const limit = Number(fields["maxmemory"] ?? "0")
  if (limit === 0) return ok("nothing is evicted")
  if (policy !== "noeviction") {
    return warning(
      `when its memory is full, Redis evicts keys (${policy}), and the queue is one`,
      "CONFIG SET maxmemory-policy noeviction, or volatile-lru, which spares what never expires"
    )
  }
  return Number(fields["used_memory"] ?? "0") < limit
    ? ok("nothing is evicted")
    : failed(`it is full: ${fields["used_memory"]} of maxmemory's ${limit} bytes are in use`, makeRoom)
}

const makeRoom = "Make room: CONFIG SET maxmemory to more, or delete what fills it (redis-cli --bigkeys)"

const ofCommands = ({ refused, tried, untried }: CommandsTried, user: string): Outcome => {
  const remedy = grantsFor(refused, user)
  const detail = distinct(
    refused.map(({ command, reason, why, ...it }) =>
      why === "key"
        ? `no ${command} on ${lackingKeys(it, refused).join(" or ")}`
        : why === "command"
          ? `no ${command}`
          : why === "other"
            ? // Which state Redis is in; in it all commands are answered so.
              reason
            : `${command}: ${reason}`
    )
  ).join("; ")
  if (refused.some(({ use }) => use === "jobs")) return failed(detail, remedy)
  if (refused.some(({ use }) => use === "shares")) return warning(`${detail}: accounts get no fair shares`, remedy)
  if (refused.length > 0) return warning(`${detail}: the probes and the metrics know less`, remedy)
  return untried.length === 0
    ? ok(`${tried} commands are granted, on all keys that they are used on`)
    : warning(
        `${tried} commands are granted; not tried were ${untried.join(", ")}, which would change something outside MULTI`,
        `Look at ACL GETUSER ${user}, or let them be tried: ACL SETUSER ${user} +multi`
      )
}

/** Of several keys, those that are also refused alone, if there are any. */
const lackingKeys = ({ keys }: Pick<RefusedCommand, "keys">, refused: ReadonlyArray<RefusedCommand>) => {
  const alone = new Set(
    refused.filter(({ why, ...it }) => why === "key" && it.keys.length === 1).flatMap((it) => it.keys)
  )
  const known = keys.filter((key) => alone.has(key))
  return known.length > 0 ? known : keys
}

const grantsFor = (refused: ReadonlyArray<RefusedCommand>, user: string): string => {
  const rules = refused.flatMap(({ command, why, ...it }) =>
    why === "command" ? [`+${command}`] : why === "key" ? lackingKeys(it, refused).map((key) => `~${key}`) : []
  )
  return [
    ...(rules.length > 0 ? [`ACL SETUSER ${user} ${distinct(rules).join(" ")}, and in the ACL file`] : []),
    ...(refused.some(({ why }) => why === "unknown")
      ? ["Use a Redis that knows the command (6.2 or newer), or set REDIS_FETCH_MODE=brpop"]
      : []),
    ...distinct(
      refused.flatMap(({ reason, why }) =>
        why !== "other" ? [] : reason.startsWith("OOM ") ? [makeRoom] : ["Fix what Redis complains about"]
      )
    )
  ].join("; ")
}

const distinct = (texts: ReadonlyArray<string>) => Array.from(new Set(texts))
