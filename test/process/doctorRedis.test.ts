import { randomUUID } from "node:crypto"
import { createServer, type Socket } from "node:net"
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import { commandsOf, keylessCommands } from "../../src/layers/queue/commands.ts"
import { examine } from "./examine.ts"
import { inPrivateRedis, privateRedis } from "./privateRedis.ts"
import { World, world } from "./world.ts"

describe.skipIf(inject("redis") === undefined)("doctor on Redis", () => {
  /** A user with these rules, who goes with the scope. */
  const asUser = (...rules: ReadonlyArray<string>) =>
    Effect.gen(function* () {
      const { redis } = yield* World
      const name = `worker-${randomUUID()}`
      yield* Effect.acquireRelease(
        Effect.promise(() => redis.acl("SETUSER", name, "on", ">s3cr3t", "resetchannels", "-@all", ...rules)),
        () => Effect.promise(() => redis.acl("DELUSER", name))
      )
      return { REDIS_USERNAME: name, REDIS_PASSWORD: "s3cr3t" }
    })

  /** Runs it while there are jobs everywhere, and sees that they stay where they are. */
  const unchanged = <A, E, R>(look: Effect.Effect<A, E, R>) =>
    Effect.gen(function* () {
      const { queue, redis } = yield* World
      const all = [
        queue,
        `${queue}_error`,
        ...["processing:w-2", "workers", "delayed", "parked", "parked:1"].map((key) => `{${queue}}:${key}`)
      ]
      const dump = Effect.promise(async () => {
        const keys = (await redis.keys(`*${queue}*`)).toSorted()
        return Promise.all(keys.map(async (key) => [key, (await redis.dumpBuffer(key)).toString("hex")]))
      })
      yield* Effect.promise(async () => {
        await redis.del(...all)
        for (const key of all) {
          if (/:(?:workers|delayed)$/.test(key)) await redis.zadd(key, 1, "w-2")
          else if (key.endsWith(":parked")) await redis.sadd(key, "1")
          else await redis.rpush(key, "job 1", "job 2")
        }
      })
      const before = yield* dump
      const found = yield* look
      assert.deepStrictEqual(yield* dump, before)
      return found
    })

  const keysOf = (queue: string) => [`~${queue}`, `~${queue}_error`, `~{${queue}}:*`, "~cache:status:*"]
  const grantsOf = (queue: string, mode: "blmove" | "brpop") =>
    [...commandsOf(queue, mode), ...keylessCommands(mode)].map(({ command }) => `+${command}`)

  layer(world(), { excludeTestServices: true })((it) => {
    it.effect("is content with what the README grants, and asks for no more", () =>
      Effect.gen(function* () {
        const { queue } = yield* World
        const env = yield* asUser(...keysOf(queue), ...grantsOf(queue, "blmove"))
        const found = yield* unchanged(examine(env))
        assert.strictEqual(found.code, 0, found.output)
        assert.deepStrictEqual(
          ["redis", "redis version", "redis memory", "redis commands"].map((check) => found.of(check).status),
          ["ok", "skipped", "skipped", "ok"]
        )
      })
    )

    it.effect("says what cannot be tried in the mode brpop without MULTI", () =>
      Effect.gen(function* () {
        const { queue, redis } = yield* World
        const env = { ...(yield* asUser(...keysOf(queue), ...grantsOf(queue, "brpop"))), REDIS_FETCH_MODE: "brpop" }
        const found = yield* unchanged(examine(env))
        assert.strictEqual(found.code, 0, found.output)
        assert.match(found.of("redis commands").detail, /not tried were rpush, lpush, /)
        yield* Effect.promise(() => redis.acl("SETUSER", env.REDIS_USERNAME, "+multi"))
        assert.strictEqual((yield* unchanged(examine(env))).of("redis commands").status, "ok")
        yield* Effect.promise(() => redis.acl("SETUSER", env.REDIS_USERNAME, "-rpush", "-brpop"))
        assert.match((yield* examine(env)).of("redis commands").remedy ?? "", /^ACL SETUSER worker-.* \+brpop \+rpush,/)
      })
    )

    it.effect.each([
      ["blmove", "failed", /^no blmove$/, /\+blmove,/],
      ["multi", "failed", /^no multi$/, /\+multi,/],
      ["rpush", "failed", /^no rpush$/, /\+rpush,/],
      ["lmove", "warning", /^no lmove: accounts get no fair shares$/, /\+lmove,/],
      ["lindex", "warning", /^no lindex: the probes and the metrics know less$/, /\+lindex,/]
    ] as const)("finds an ACL without %s", ([command, status, detail, remedy]) =>
      Effect.gen(function* () {
        const { queue } = yield* World
        const env = yield* asUser(...keysOf(queue), ...grantsOf(queue, "blmove"), `-${command}`)
        const found = yield* unchanged(examine(env))
        assert.strictEqual(found.code, status === "failed" ? 1 : 0)
        const commands = found.of("redis commands")
        assert.strictEqual(commands.status, status)
        assert.match(commands.detail, detail)
        assert.match(commands.remedy ?? "", remedy)
      })
    )

    it.effect.each([
      ["the list", 0],
      ["the dead letters", 1],
      ["the worker's own keys", 2],
      ["the API's cache", 3]
    ] as const)("finds an ACL without the key of %s", ([, index]) =>
      Effect.gen(function* () {
        const { queue } = yield* World
        const keys = keysOf(queue)
        const found = yield* examine(
          yield* asUser(...keys.filter((key) => key !== keys[index]), ...grantsOf(queue, "blmove"))
        )
        assert.strictEqual(found.code, 1)
        const { remedy } = found.of("redis commands")
        assert.match(remedy ?? "", /^ACL SETUSER worker-\S+ ~\S+, and in the ACL file$/)
        assert.include(remedy ?? "", ` ${keys[index]},`)
      })
    )

    it.effect.each([
      ["a server that is away", { REDIS_PORT: "1" }, /ECONNREFUSED/, /^Start Redis/],
      ["a wrong password", { REDIS_USERNAME: "nobody", REDIS_PASSWORD: "s3cr3t" }, /WRONGPASS/, /REDIS_PASSWORD/]
    ] as const)("finds %s, and goes on elsewhere", ([, changes, detail, remedy]) =>
      Effect.gen(function* () {
        const found = yield* examine(changes)
        assert.strictEqual(found.code, 1)
        assert.deepStrictEqual(found.with("failed"), ["redis"])
        assert.match(found.of("redis").detail, detail)
        assert.match(found.of("redis").remedy ?? "", remedy)
        assert.include(found.with("skipped"), "redis commands")
        assert.include(found.with("ok"), "postgresql indexes")
        assert.notInclude(found.output, "s3cr3t")
      })
    )
  })

  it.live("finds a password that is missing", () =>
    Effect.gen(function* () {
      const { env } = yield* privateRedis("--requirepass", "s3cr3t")
      const found = yield* examine(env)
      assert.match(found.of("redis").detail, /NOAUTH/)
      assert.match(found.of("redis").remedy ?? "", /REDIS_PASSWORD/)
    }).pipe(Effect.scoped, Effect.provide(world()))
  )

  it.live("finds a Redis that does not know a command, evicts keys, or is a replica", () =>
    Effect.gen(function* () {
      const { env, redis } = yield* World
      yield* Effect.promise(() => redis.config("SET", "maxmemory", "100mb", "maxmemory-policy", "allkeys-lru"))
      const found = yield* examine(env)
      assert.strictEqual(found.code, 1)
      assert.match(found.of("redis commands").detail, /^blmove: ERR unknown command/)
      assert.match(found.of("redis commands").remedy ?? "", /REDIS_FETCH_MODE=brpop/)
      assert.strictEqual(found.of("redis memory").status, "warning")
      assert.match(found.of("redis memory").detail, /allkeys-lru/)

      yield* Effect.promise(() => redis.replicaof("127.0.0.1", 1))
      const replica = yield* examine(env)
      assert.match(replica.of("redis").detail, /replica/)
      assert.strictEqual(replica.of("redis commands").status, "skipped")
    }).pipe(inPrivateRedis("--rename-command", "BLMOVE", ""), Effect.scoped, Effect.provide(world()))
  )

  it.live("finds a Redis that is full, in a line, and says how to make room", () =>
    Effect.gen(function* () {
      const { env, redis } = yield* World
      yield* Effect.promise(() => redis.config("SET", "maxmemory", "1"))
      const found = yield* examine(env)
      assert.deepStrictEqual(found.with("failed"), ["redis memory", "redis commands"])
      assert.match(found.of("redis memory").detail, /^it is full: \d+ of maxmemory's 1 bytes/)
      assert.match(found.of("redis commands").detail, /^OOM [^;]*$/)
      for (const check of found.with("failed")) assert.match(found.of(check).remedy ?? "", /^Make room: [^;]*$/)
    }).pipe(inPrivateRedis(), Effect.scoped, Effect.provide(world()))
  )

  it.live.each([
    ["6.0.16", "blmove", "failed"],
    ["5.0.14", "blmove", "failed"],
    ["5.0.14", "brpop", "ok"]
  ] as const)("finds that Redis %s in the mode %s has %s", ([version, mode, status]) =>
    Effect.gen(function* () {
      const port = yield* oldRedis(version)
      const found = yield* examine({ REDIS_PORT: String(port), REDIS_FETCH_MODE: mode })
      assert.strictEqual(found.of("redis version").status, status)
      assert.include(found.of("redis version").detail, version)
      if (status === "failed") assert.match(found.of("redis version").remedy ?? "", /REDIS_FETCH_MODE=brpop/)
      assert.strictEqual(found.of("redis commands").status, status === "failed" ? "skipped" : "ok")
    }).pipe(Effect.scoped, Effect.provide(world()))
  )
})

/** What of an old server can be had: one that says that it is, and takes every command. */
const oldRedis = (version: string) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly port: number; readonly close: () => void }>((resume) => {
      const sockets = new Set<Socket>()
      const info = `# Server\r\nredis_version:${version}\r\nrole:master\r\nmaxmemory:0\r\n`
      const server = createServer((socket) => {
        sockets.add(socket)
        socket.on("data", (chunk: Buffer) => {
          for (const command of chunk.toString().matchAll(/\*\d+\r\n\$\d+\r\n(\w+)\r\n/g)) {
            socket.write(
              command[1]?.toLowerCase() === "info" ? `$${Buffer.byteLength(info)}\r\n${info}\r\n` : "+OK\r\n"
            )
          }
        })
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        const close = () => {
          server.close()
          sockets.forEach((socket) => socket.destroy())
        }
        resume(Effect.succeed({ port, close }))
      })
    }),
    ({ close }) => Effect.sync(close)
  ).pipe(Effect.map(({ port }) => port))
