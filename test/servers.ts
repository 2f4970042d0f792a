import { spawnSync } from "node:child_process"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Exit, Option, Scope } from "effect"
import { SqlClient } from "effect/sql"
import type { TestProject } from "vitest/node"
import { type PostgresServer, startPostgres } from "../local/postgres.ts"
import { bootstrap, users } from "../src/programs/migrate/bootstrap.ts"
import { connect } from "./database.ts"
import { findRedis, type RedisServer, startRedis } from "../local/redis.ts"

declare module "vitest" {
  interface ProvidedContext {
    readonly postgres: PostgresServer
    /** Absent where no Redis can be had: the tests that need one are skipped then. */
    readonly redis: RedisServer | undefined
    readonly redisBinary: string | undefined
  }
}

/** Debian's, if this process may install it. */
const installRedis = (): Option.Option<string> => {
  const installed = spawnSync("apt-get", ["install", "-y", "-qq", "redis-server"], { stdio: "ignore" })
  if (installed.status === 0) return Option.some("/usr/bin/redis-server")
  process.stderr.write("No Redis here, so its tests are skipped: install redis-server or valkey-server.\n")
  return Option.none()
}

/** Roles belong to the whole server, so they are made once, before tests that run at the same time need them. */
const createRoles = Effect.fnUntraced(function* ({ password }: PostgresServer) {
  const sql = yield* SqlClient.SqlClient
  yield* bootstrap
  for (const user of users) yield* sql`ALTER ROLE ${sql(user)} PASSWORD ${sql.literal(`'${password}'`)}`
})

/** Starts the private servers that all tests share; each test takes a database and key names of its own in them. */
export default async function (project: TestProject) {
  const scope = Scope.makeUnsafe()
  const { binary, postgres, redis } = await Effect.gen(function* () {
    const binary = Option.orElse(yield* findRedis, installRedis)
    return yield* Effect.all(
      {
        binary: Effect.succeed(binary),
        postgres: startPostgres({ fsync: false }),
        redis: Effect.transposeOption(Option.map(binary, (path) => startRedis(path)))
      },
      { concurrency: "unbounded" }
    )
  }).pipe(Effect.provide(NodeServices.layer), Scope.provide(scope), Effect.runPromise)

  await Effect.runPromise(Effect.provide(createRoles(postgres), connect(postgres, "postgres", postgres.user, "single")))
  project.provide("postgres", postgres)
  project.provide("redis", Option.getOrUndefined(redis))
  project.provide("redisBinary", Option.getOrUndefined(binary))
  return () => Effect.runPromise(Scope.close(scope, Exit.void))
}
