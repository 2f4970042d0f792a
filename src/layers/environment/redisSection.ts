import { Effect, Option, Schema } from "effect"
import type { Address, RedisServers } from "../../services/Config.ts"
import { caBundle, secret } from "./files.ts"
import { fault, flag, list, name, optional, port, raw, type Reader, readAll, required, withDefault } from "./reader.ts"

const isCluster = withDefault("REDIS_CLUSTER", flag, false)

const addressOf = (text: string): Address => {
  const colon = text.lastIndexOf(":")
  return { host: text.slice(0, colon).replace(/^\[(.*)\]$/, "$1"), port: Number(text.slice(colon + 1)) }
}

const sentinels = Effect.map(
  required("REDIS_SENTINELS", list(/[^\s,]+:[1-9]\d{0,4}/, "addresses such as sentinel-1:26379")),
  (all) => all.split(",").map((text) => addressOf(text.trim()))
)

const behindSentinels: Reader<RedisServers> = Effect.map(
  readAll({
    sentinels,
    master: required("REDIS_SENTINEL_NAME", name),
    password: secret("REDIS_SENTINEL_PASSWORD"),
    noCluster: Effect.filterOrFail(
      isCluster,
      (cluster) => !cluster,
      () => fault("REDIS_CLUSTER: true, although REDIS_SENTINELS is set; a cluster has no sentinels")
    )
  }),
  ({ master, password, sentinels }) => ({ _tag: "Sentinel", sentinels, master, password })
)

const atAddress: Reader<RedisServers> = Effect.map(
  readAll({ host: required("REDIS_HOST", name), port: withDefault("REDIS_PORT", port, 6379), isCluster }),
  ({ host, isCluster, port }) =>
    isCluster ? { _tag: "Cluster", seed: { host, port } } : { _tag: "Single", address: { host, port } }
)

export const redis = readAll({
  servers: Effect.flatMap(raw("REDIS_SENTINELS"), (text) =>
    Option.isSome(text) && text.value !== "" ? behindSentinels : atAddress
  ),
  username: optional("REDIS_USERNAME", Schema.String),
  password: secret("REDIS_PASSWORD"),
  tls: withDefault("REDIS_TLS", flag, false),
  tlsCa: caBundle("REDIS_TLS_CA"),
  queue: withDefault("REDIS_QUEUE_AWS", name, "queue:aws"),
  fetchMode: withDefault("REDIS_FETCH_MODE", Schema.Literals(["blmove", "brpop"]), "blmove")
})
