import { Option } from "effect"
import { Cluster, Redis, type RedisOptions } from "ioredis"
import type { RedisConfig } from "../../services/Config.ts"

export type RedisClient = Cluster | Redis

/** Milliseconds without an answer after which a connection counts as dead. Longer than a blocking command waits. */
const silence = 5_000

/** Milliseconds before the next try to connect. */
export const retryAfter = (times: number) => Math.min(50 * 2 ** Math.min(times, 6), 2_000)

/** How to talk to a server, wherever it is. The passwords come later, since they change. */
const connectionOptions = ({ tls, tlsCa, username }: RedisConfig["Service"]) =>
  ({
    username: Option.getOrUndefined(username),
    ...(tls && { tls: { ca: Option.getOrUndefined(tlsCa) } }),
    socketTimeout: silence,
    connectTimeout: silence,
    // After a failover the old master may still hold our connections; and the password may be another one by now.
    reconnectOnError: (error) => /^(?:READONLY|NOAUTH)/.test(error.message),
    // Retrying is the caller's: a command fails as soon as its connection does, and none waits in a queue unseen.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // HELLO, INFO and CLIENT would each need a grant in the ACL, and HELLO a Redis ≥ 6.
    protocol: 2,
    enableReadyCheck: false,
    disableClientInfo: true
  }) satisfies RedisOptions

/** For a client of one server at a time, which reconnects by itself. */
const reconnecting = {
  lazyConnect: true,
  enableOfflineQueue: false,
  retryStrategy: retryAfter,
  // What comes in the same turn of the event loop goes out in one write, since the write is the larger part of a command's cost.
  enableAutoPipelining: true
} satisfies RedisOptions

/** An ioredis client for the configured servers, not connected yet and without a password. */
export const makeClient = (config: RedisConfig["Service"]): RedisClient => {
  const options = connectionOptions(config)
  const { servers } = config
  switch (servers._tag) {
    case "Single":
      return new Redis({ ...options, ...reconnecting, ...servers.address })
    case "Sentinel":
      return new Redis({
        ...options,
        ...reconnecting,
        sentinels: Array.from(servers.sentinels),
        name: servers.master,
        ...(options.tls !== undefined && { sentinelTLS: options.tls, enableTLSForSentinelMode: true }),
        // Sentinels other than those that are named may have addresses that only they can reach.
        updateSentinels: false,
        // The start fails if no sentinel helps.
        sentinelRetryStrategy: () => null
      })
    case "Cluster":
      return new Cluster([servers.seed], {
        redisOptions: options,
        lazyConnect: true,
        enableOfflineQueue: false,
        // CLUSTER INFO would need a grant.
        enableReadyCheck: false,
        clusterRetryStrategy: retryAfter,
        // A command whose connection broke may have been carried out; trying it again is the caller's.
        retryDelayOnFailover: 0,
        retryDelayOnClusterDown: 0,
        // Certificates name hosts, not addresses.
        dnsLookup: (host, resolve) => resolve(null, host)
      })
  }
}

/** The connections of a client. */
export const nodesOf = (client: RedisClient): ReadonlyArray<Redis> =>
  client instanceof Cluster ? client.nodes() : [client]
