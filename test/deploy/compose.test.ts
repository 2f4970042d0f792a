import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { readFile } from "node:fs/promises"
import { resolve } from "node:path"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Array, Duration, Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { Redis as Client } from "ioredis"
import { inject } from "vitest"
import { freePort } from "../../local/freePort.ts"
import { startPostgres } from "../../local/postgres.ts"
import { startRedis } from "../../local/redis.ts"
import { connect } from "../database.ts"
import { eventually, runCommand, startWorker } from "../process/program.ts"
import { composeFile, composePath } from "./composeFile.ts"
import { knownVariables } from "./knownVariables.ts"

type Services = Effect.Success<typeof composeFile>["services"]
type Service = Services[string]

const serviceOf = (services: Services, name: string): Service => {
  const service = services[name]
  assert.isDefined(service, name)
  return service
}

const ours = ["aws", "migrate", "worker", "submit"]

describe("compose.yaml", () => {
  it("is one that Docker Compose takes", () => {
    const lint = spawnSync(process.execPath, ["node_modules/dclint/bin/dclint.cjs", "--quiet", composePath])
    assert.deepStrictEqual({ status: lint.status, stdout: lint.stdout.toString().trim() }, { status: 0, stdout: "" })
  })

  it.effect("gives our containers no rights, and the workers longer than their drain", () =>
    Effect.gen(function* () {
      const { services } = yield* composeFile
      for (const name of ours) {
        const { cap_drop, read_only, security_opt } = serviceOf(services, name)
        assert.deepStrictEqual({ cap_drop, read_only, security_opt }, hardened, name)
      }
      const { deploy, environment, stop_grace_period } = serviceOf(services, "worker")
      assert.strictEqual(deploy?.replicas, 2)
      const drain = yield* Schema.decodeUnknownEffect(Schema.DurationFromString)(environment?.["SHUTDOWN_GRACE"])
      assert.isAbove(Number(/^(\d+)s$/.exec(stop_grace_period ?? "")?.[1]) * 1_000, Duration.toMillis(drain))
    })
  )

  it.effect("builds each of our images once, and pulls none", () =>
    Effect.gen(function* () {
      const { services } = yield* composeFile
      const images = ours.map((name) => serviceOf(services, name))
      const built = images.filter(({ build }) => build !== undefined)
      assert.deepStrictEqual(
        built.map(({ image }) => image),
        Array.dedupe(images.map(({ image }) => image))
      )
      assert.isTrue(images.every(({ build, pull_policy }) => pull_policy === (build === undefined ? "never" : "build")))
    })
  )

  it.effect("sets no variable that the worker does not know", () =>
    Effect.gen(function* () {
      const { services } = yield* composeFile
      const known = yield* knownVariables
      const set = ["migrate", "worker", "submit"].flatMap((name) =>
        Object.keys(serviceOf(services, name).environment ?? {})
      )
      assert.deepStrictEqual(
        set.filter((name) => !known.has(name)),
        []
      )
    })
  )
})

const hardened = { cap_drop: ["ALL"], read_only: true, security_opt: ["no-new-privileges:true"] }

/** A process that ends with the scope. */
const launch = (command: string, args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => spawn(command, args, { stdio: "ignore" })),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )

const statusOf = (child: ChildProcess) =>
  Effect.callback<number | null>((resume) => void child.once("close", (code) => resume(Effect.succeed(code))))

/** What Docker would run of a service, if it is our program. */
const argsOf = ({ command = [], entrypoint = [] }: Service) => {
  const [node, program, ...args] = [...entrypoint, ...command]
  assert.deepStrictEqual([node, program], ["node", "dist/main.js"])
  return args
}

describe.skipIf(inject("redis") === undefined)("the services of compose.yaml, as processes", () => {
  it.live(
    "bring a request that is submitted to its end",
    () =>
      Effect.gen(function* () {
        const { configs, services } = yield* composeFile

        const postgres = yield* startPostgres({ fsync: false })
        const { POSTGRES_DB = "", POSTGRES_PASSWORD = "" } = serviceOf(services, "postgres").environment ?? {}
        yield* Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const statements = configs["roles"]?.content.split(";").filter((text) => text.trim() !== "") ?? []
          yield* Effect.forEach(statements, (statement) => sql.unsafe(statement))
          yield* sql`CREATE DATABASE ${sql(POSTGRES_DB)}`
          yield* sql`ALTER ROLE postgres PASSWORD ${sql.literal(`'${POSTGRES_PASSWORD}'`)}`
        }).pipe(Effect.provide(connect(postgres, "postgres", postgres.user, "single")))

        const redisService = serviceOf(services, "redis")
        const mounts = new Map(redisService.volumes?.map((volume) => volume.split(":")).map(([from, to]) => [to, from]))
        const redis = yield* startRedis(
          inject("redisBinary") ?? "",
          redisService.command?.slice(1).map((argument) => {
            const mounted = mounts.get(argument)
            return mounted === undefined ? argument : resolve("deploy", mounted)
          })
        )
        const check = redisService.healthcheck?.test ?? []
        const probe = new Client({
          ...redis,
          enableReadyCheck: false,
          username: check[check.indexOf("--user") + 1] ?? "",
          password: redisService.environment?.["REDISCLI_AUTH"] ?? ""
        })
        assert.strictEqual(yield* Effect.promise(() => probe.ping()), "PONG")
        probe.disconnect()

        const awsPort = yield* freePort
        const dockerfile = yield* Effect.promise(() => readFile("Dockerfile", "utf8"))
        const awsCommand = JSON.parse(/ AS local-aws\n(?:.+\n)*CMD (\[.+\])/.exec(dockerfile)?.[1] ?? "[]")
        const local = (text: string) => text.replaceAll("0.0.0.0", "127.0.0.1").replaceAll("4566", String(awsPort))
        yield* launch(process.execPath, awsCommand.slice(1).map(local))
        const awsCheck = serviceOf(services, "aws").healthcheck?.test?.slice(2).map(local) ?? []
        yield* eventually(Effect.flatMap(launch(process.execPath, awsCheck), statusOf), (code) => code === 0)

        /** The environment of a service, with the addresses that the others have here. */
        const environmentOf = (name: string) =>
          Object.fromEntries(
            Object.entries(serviceOf(services, name).environment ?? {}).flatMap(([variable, value]) => {
              if (value === "postgres" && variable === "DB_HOST")
                return [
                  [variable, postgres.host],
                  ["DB_PORT", String(postgres.port)]
                ]
              if (value === "redis")
                return [
                  [variable, redis.host],
                  ["REDIS_PORT", String(redis.port)]
                ]
              return [[variable, value.replace("//aws:4566", `//127.0.0.1:${awsPort}`)]]
            })
          )

        const migrated = yield* runCommand(environmentOf("migrate"), ...argsOf(serviceOf(services, "migrate")))
        assert.strictEqual(migrated.code, 0, migrated.stderr)

        const workers = yield* Effect.all([startWorker(environmentOf("worker")), startWorker(environmentOf("worker"))])
        const submitted = yield* runCommand(
          environmentOf("submit"),
          ...argsOf(serviceOf(services, "submit")),
          ..."--account 123456789012 --principal alice --principal-type User".split(" "),
          ..."--action add --entitlement ReadOnlyAccess".split(" ")
        )
        assert.strictEqual(submitted.code, 0, submitted.stderr)
        yield* eventually(runCommand(environmentOf("worker"), "status", submitted.stdout.trim()), ({ stdout }) =>
          stdout.includes("SUCCESS")
        )

        for (const worker of workers) {
          yield* worker.signal("SIGTERM")
          assert.strictEqual(yield* worker.exit, 0)
          assert.notInclude(worker.stdout(), '"level":"ERROR"')
        }
      }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
    { timeout: 60_000 }
  )
})
