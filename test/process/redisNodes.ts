import { Effect, FileSystem } from "effect"
import { ChildProcess } from "effect/process"
import { Redis as Client } from "ioredis"
import { inject } from "vitest"
import { freePort } from "../../local/freePort.ts"
import { type RedisServer, startRedisOn } from "../../local/redis.ts"
import { eventually } from "./program.ts"

/** Milliseconds after which a server that does not answer counts as dead. */
const patience = 500

const binary = inject("redisBinary") ?? "redis-server"

export interface Node extends RedisServer {
  readonly client: Client
}

export interface Member extends Node {
  readonly bus: number
  /** By which the others know it. */
  readonly id: string
}

const clientOf = (server: RedisServer, password?: string) =>
  Effect.acquireRelease(
    Effect.sync(() => new Client({ ...server, password, retryStrategy: () => 50 }).on("error", () => {})),
    (client) => Effect.sync(() => client.disconnect())
  )

const call = ({ client }: Node, command: string, ...args: ReadonlyArray<string | number>) =>
  Effect.promise(async () => String(await client.call(command, ...args)))

/** A Redis of the test's own. */
const startNode = Effect.fnUntraced(function* (settings: Readonly<Record<string, string | number>> = {}) {
  const args = Object.entries({ "repl-diskless-sync-delay": 0, ...settings })
  const server = yield* startRedisOn(
    yield* freePort,
    binary,
    args.flatMap(([name, value]) => [`--${name}`, ...String(value).split(" ")])
  )
  return { ...server, client: yield* clientOf(server) }
})

/** As when its machine loses power, once its replica has what was written until now: the rest is lost with it. */
export const kill = Effect.fnUntraced(function* (node: Node) {
  const pid = /process_id:(\d+)/.exec(yield* call(node, "INFO", "server"))?.[1]
  yield* call(node, "WAIT", 1, 5_000)
  process.kill(Number(pid), "SIGKILL")
})

/** Until a replica has all that its master has. */
const awaitLink = (replica: Node) =>
  eventually(call(replica, "INFO", "replication"), (text) => text.includes("master_link_status:up"))

/** A master and its replica, and a sentinel that watches them under a name. */
export const startWatched = Effect.fnUntraced(function* (name: string, password: string) {
  const master = yield* startNode()
  const replica = yield* startNode({ replicaof: `${master.host} ${master.port}` })
  yield* awaitLink(replica)

  const files = yield* FileSystem.FileSystem
  const folder = yield* files.makeTempDirectoryScoped()
  const port = yield* freePort
  yield* files.writeFileString(
    `${folder}/sentinel.conf`,
    `port ${port}
bind 127.0.0.1
dir ${folder}
requirepass ${password}
sentinel monitor ${name} ${master.host} ${master.port} 1
sentinel down-after-milliseconds ${name} ${patience}
sentinel failover-timeout ${name} 2000
`
  )
  yield* ChildProcess.make(binary, [`${folder}/sentinel.conf`, "--sentinel"], { stdin: "ignore", stdout: "ignore" })
  const sentinel: Node = { host: "127.0.0.1", port, client: yield* clientOf({ host: "127.0.0.1", port }, password) }
  yield* eventually(call(sentinel, "SENTINEL", "MASTER", name), (text) => text.includes("num-slaves,1"))
  return { master, sentinel }
})

/** The first slots of the three masters, and what comes after the last: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/ */
const bounds = [0, 5_461, 10_923, 16_384] as const

/** Three masters, of which the first has the slot of `key`, and a replica of that one. */
export const startCluster = Effect.fnUntraced(function* (key: string) {
  const startMember = Effect.gen(function* () {
    const bus = yield* freePort
    const settings = {
      "cluster-enabled": "yes",
      "cluster-port": bus,
      "cluster-node-timeout": patience,
      "cluster-replica-validity-factor": 0
    }
    const node = yield* startNode(settings)
    return { ...node, bus, id: yield* call(node, "CLUSTER", "MYID") }
  })
  const [owner, second, third, replica] = yield* Effect.all([startMember, startMember, startMember, startMember], {
    concurrency: "unbounded"
  })
  const masters = [owner, second, third]
  const slot = Number(yield* call(owner, "CLUSTER", "KEYSLOT", key))
  const own = bounds.findIndex((first) => first > slot) - 1
  for (const [index, master] of masters.entries()) {
    const range = (own + index) % 3
    yield* call(master, "CLUSTER", "ADDSLOTSRANGE", bounds[range] ?? 0, (bounds[range + 1] ?? 0) - 1)
    yield* call(master, "CLUSTER", "SET-CONFIG-EPOCH", index + 1)
    yield* call(replica, "CLUSTER", "MEET", master.host, master.port, master.bus)
  }
  const members = [...masters, replica]
  const knowsAll = (node: Node) =>
    eventually(call(node, "CLUSTER", "INFO"), (text) => /cluster_state:ok[^]*cluster_known_nodes:4/.test(text))
  yield* Effect.forEach(members, knowsAll, { concurrency: "unbounded" })
  yield* call(replica, "CLUSTER", "REPLICATE", owner.id)
  yield* awaitLink(replica)
  return { members, owner, second, third, replica, slot }
})

export type RedisCluster = Effect.Success<ReturnType<typeof startCluster>>

/** Moves a slot with its keys, as resharding does it: https://redis.io/docs/latest/commands/cluster-setslot/ */
export const moveSlot = Effect.fnUntraced(function* (
  slot: number,
  from: Member,
  to: Member,
  others: ReadonlyArray<Member>
) {
  yield* call(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", from.id)
  yield* call(from, "CLUSTER", "SETSLOT", slot, "MIGRATING", to.id)
  const moveKeys = Effect.promise(async () => {
    const keys = await from.client.cluster("GETKEYSINSLOT", slot, 100)
    if (keys.length > 0) await from.client.migrate(to.host, to.port, "", 0, 5_000, "KEYS", ...keys)
    return keys.length
  })
  yield* Effect.repeat(moveKeys, { until: (moved) => moved === 0 })
  for (const node of [to, from, ...others]) yield* call(node, "CLUSTER", "SETSLOT", slot, "NODE", to.id)
})
