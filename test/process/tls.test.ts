import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, layer } from "@effect/vitest"
import { Context, Effect, Layer, Option, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { Redis as Client } from "ioredis"
import { inject } from "vitest"
import { freePort } from "../../local/freePort.ts"
import { LocalAws } from "../../local/aws/LocalAws.ts"
import { type PostgresServer, startPostgres } from "../../local/postgres.ts"
import { type RedisServer, startRedisOn } from "../../local/redis.ts"
import { SqlLive } from "../../src/layers/postgres/SqlLive.ts"
import { RedisLive } from "../../src/layers/redis/RedisLive.ts"
import { users } from "../../src/programs/migrate/bootstrap.ts"
import { DatabaseConfig, type RedisConfig } from "../../src/services/Config.ts"
import { Redis } from "../../src/services/Redis.ts"
import { certificates } from "../certificates.ts"
import { testRedisConfig } from "../fixture.ts"
import { eventually, runCommand, serversOf, startWorker } from "./program.ts"

/** A Redis that must be spoken to over TLS. */
const startTlsRedis = Effect.fnUntraced(function* (files: Effect.Success<typeof certificates>, settings = "") {
  const port = yield* freePort
  const tls = `--port 0 --tls-port ${port} --tls-auth-clients no --tls-cert-file ${files.certificate} --tls-key-file ${files.key} --tls-ca-cert-file ${files.ca}`
  return yield* startRedisOn(port, inject("redisBinary") ?? "redis-server", `${tls} ${settings}`.trim().split(" "))
})

/** A PostgreSQL that may be spoken to over TLS, and a Redis that must; their certificate is for `localhost`. */
class TlsServers extends Context.Service<
  TlsServers,
  {
    readonly certificates: Effect.Success<typeof certificates>
    readonly postgres: PostgresServer
    readonly redis: RedisServer
    readonly env: Readonly<Record<string, string>>
  }
>()("test/TlsServers") {
  static readonly layer = Layer.effect(
    TlsServers,
    Effect.gen(function* () {
      const files = yield* certificates
      const { postgres, redis } = yield* Effect.all(
        {
          postgres: startPostgres({ fsync: false, tls: files.pem }),
          redis: startTlsRedis(files)
        },
        { concurrency: "unbounded" }
      )
      const env = {
        ...serversOf({ aws: yield* LocalAws, redis, queue: "queue:aws", postgres, database: "postgres" }),
        REDIS_HOST: "localhost",
        REDIS_TLS: "true",
        REDIS_TLS_CA: files.ca,
        DB_HOST: "localhost",
        DB_SSL: "verify-full",
        DB_SSL_CA: files.ca
      }
      return { certificates: files, postgres, redis, env }
    })
  ).pipe(Layer.provide(LocalAws.layer({ open: true })), Layer.provide(NodeServices.layer))
}

describe.skipIf(inject("redis") === undefined)("TLS", () => {
  layer(TlsServers.layer, { excludeTestServices: true })((it) => {
    it.effect("carries a job from its submission to its end, and every command", () =>
      Effect.gen(function* () {
        const { env, postgres } = yield* TlsServers
        assert.include(yield* runCommand({ ...env, DB_USER: postgres.user }, "migrate"), { code: 0 })
        yield* Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          for (const user of users)
            yield* sql`ALTER ROLE ${sql(user)} PASSWORD ${sql.literal(`'${postgres.password}'`)}`
        }).pipe(Effect.provide(toPostgres({ ssl: "require" })))
        yield* startWorker(env)
        const submitted = yield* runCommand(
          { ...env, DB_USER: "csb_api_user" },
          "submit",
          ...`--account 123456789012 --principal alice --principal-type User --action add --entitlement ReadOnlyAccess`.split(
            " "
          )
        )
        assert.include(submitted, { code: 0, stderr: "" })
        yield* eventually(runCommand(env, "status", submitted.stdout.trim()), ({ stdout }) =>
          stdout.includes("SUCCESS")
        )
      })
    )

    it.effect.each([
      ["PostgreSQL", "DB_SSL_CA"],
      ["Redis", "REDIS_TLS_CA"]
    ] as const)("to %s with the CA of others ends the start with 69, and one line names %s", ([backend, variable]) =>
      Effect.gen(function* () {
        const { certificates, env } = yield* TlsServers
        const { code, stderr, stdout } = yield* runCommand({ ...env, [variable]: certificates.strangersCa })
        assert.deepStrictEqual([code, stderr], [69, ""])
        assert.match(
          stdout,
          new RegExp(`^[^\\n]*cannot use ${backend} at [^\\n]*certificate[^\\n]*Set ${variable} to the CA [^\\n]*\\n$`)
        )
      })
    )

    const toPostgres = (settings: Partial<DatabaseConfig["Service"]>) =>
      Layer.unwrap(
        Effect.map(TlsServers, ({ postgres }) =>
          SqlLive.pipe(
            Layer.provide(
              Layer.succeed(DatabaseConfig, {
                host: "localhost",
                port: postgres.port,
                user: postgres.user,
                password: Effect.succeed(Redacted.make(postgres.password)),
                database: "postgres",
                maxConnections: 1,
                ssl: "verify-full",
                sslCa: Option.none(),
                ...settings
              })
            )
          )
        )
      )
    const sessionIsEncrypted = Effect.flatMap(
      SqlClient.SqlClient,
      (sql) => sql<{ readonly ssl: boolean }>`SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()`
    ).pipe(Effect.map(([row]) => row?.ssl))

    it.effect("to PostgreSQL is required without a look at the certificate, or verified in full", () =>
      Effect.gen(function* () {
        const { pem } = (yield* TlsServers).certificates
        const ca = Option.some(pem.ca)
        for (const [settings, encrypted] of [
          [{ ssl: "disable" }, false],
          [{ ssl: "require" }, true],
          [{ ssl: "require", host: "127.0.0.1" }, true],
          [{ ssl: "verify-full", sslCa: ca }, true]
        ] as const) {
          assert.strictEqual(yield* Effect.provide(sessionIsEncrypted, toPostgres(settings)), encrypted)
        }
        for (const settings of [{}, { sslCa: ca, host: "127.0.0.1" }]) {
          const { message } = yield* Effect.flip(Effect.scoped(Layer.build(toPostgres(settings))))
          assert.match(message, /certificate.*Set DB_SSL_CA/)
        }
      })
    )

    it.effect("to a PostgreSQL that has none is an error that names DB_SSL", () =>
      Effect.gen(function* () {
        const { port } = inject("postgres")
        const { message } = yield* Effect.flip(Effect.scoped(Layer.build(toPostgres({ ssl: "require", port }))))
        assert.match(message, /does not support TLS\. Check that .*DB_SSL/)
      })
    )

    const toRedis = (host: string, settings: Partial<RedisConfig["Service"]>) =>
      Layer.unwrap(
        Effect.map(TlsServers, ({ redis }) =>
          RedisLive.pipe(
            Layer.provide(
              testRedisConfig({ servers: { _tag: "Single", address: { ...redis, host } }, tls: true, ...settings })
            )
          )
        )
      )

    it.effect("to Redis is verified in full", () =>
      Effect.gen(function* () {
        const { pem } = (yield* TlsServers).certificates
        const tlsCa = Option.some(pem.ca)
        yield* Effect.flatMap(Redis, (redis) => redis.ping).pipe(Effect.provide(toRedis("localhost", { tlsCa })))
        for (const [host, settings, reason] of [
          ["localhost", {}, /certificate.*Set REDIS_TLS_CA/],
          ["127.0.0.1", { tlsCa }, /certificate.*Set REDIS_TLS_CA/],
          ["localhost", { tls: false }, /REDIS_TLS$/]
        ] as const) {
          const { message } = yield* Effect.flip(Effect.scoped(Layer.build(toRedis(host, settings))))
          assert.match(message, reason)
        }
      })
    )

    it.effect("to the nodes of a cluster, which names them by their hosts, is verified in full", () =>
      Effect.gen(function* () {
        const { certificates } = yield* TlsServers
        const { port } = yield* startTlsRedis(
          certificates,
          `--cluster-enabled yes --cluster-port ${yield* freePort} --tls-cluster yes --cluster-announce-hostname localhost --cluster-preferred-endpoint-type hostname`
        )
        const tlsCa = Option.some(certificates.pem.ca)
        yield* Effect.acquireUseRelease(
          Effect.sync(() => new Client({ host: "localhost", port, tls: { ca: certificates.pem.ca } })),
          (client) => Effect.promise(() => client.cluster("ADDSLOTSRANGE", 0, 16_383)),
          (client) => Effect.sync(() => client.disconnect())
        )
        const inCluster = { servers: { _tag: "Cluster", seed: { host: "localhost", port } } } as const
        yield* Effect.flatMap(Redis, (redis) => redis.ping).pipe(
          Effect.provide(toRedis("localhost", { ...inCluster, tlsCa }))
        )
        const { message } = yield* Effect.flip(Effect.scoped(Layer.build(toRedis("localhost", inCluster))))
        assert.match(message, /certificate.*Set REDIS_TLS_CA/)
      }).pipe(Effect.provide(NodeServices.layer))
    )
  })
})
