import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { chmod, cp, mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
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

/** Puts the secrets that a service is granted where they lie here; of others the service has but a path that leads nowhere. */
type Revealed = (text: string, service: Service) => string

/** In a folder that PostgreSQL's user may read, too. */
const revealSecrets = Effect.gen(function* () {
  const folder = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "worker-secrets-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
  )
  yield* Effect.promise(async () => {
    await cp("deploy/secrets", folder, { recursive: true })
    await chmod(folder, 0o755)
  })
  const reveal: Revealed = (text, { secrets = [] }) =>
    secrets.reduce((revealed, secret) => revealed.replaceAll(`/run/secrets/${secret}`, join(folder, secret)), text)
  return reveal
})

const read = (path: string) => Effect.promise(() => readFile(path, "utf8"))

/** PostgreSQL, as its image makes it from the service: a database, the superuser's password, and the scripts that are mounted. */
const startPostgresOf = Effect.fnUntraced(function* (service: Service, reveal: Revealed) {
  const server = yield* startPostgres({ fsync: false })
  const { POSTGRES_DB = "", POSTGRES_PASSWORD_FILE = "" } = service.environment ?? {}
  const password = (yield* read(reveal(POSTGRES_PASSWORD_FILE, service))).trimEnd()
  const script = service.volumes?.map((volume) => volume.split(":")).find(([, to]) => to?.endsWith(".sql"))?.[0] ?? ""
  const setUp = reveal(yield* read(resolve("deploy", script)), service)
  yield* Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* sql.unsafe(setUp)
    yield* sql`CREATE DATABASE ${sql(POSTGRES_DB)}`
    yield* sql`ALTER ROLE postgres PASSWORD ${sql.literal(`'${password}'`)}`
  }).pipe(Effect.provide(connect(server, "postgres", server.user, "single")))
  return server
})

/** Redis with the service's arguments, once its health check could log in. */
const startRedisOf = Effect.fnUntraced(function* (service: Service, reveal: Revealed) {
  const mounts = new Map(service.volumes?.map((volume) => volume.split(":")).map(([from, to]) => [to, from]))
  const args = service.command?.slice(1).map((argument) => {
    const mounted = mounts.get(argument)
    return mounted === undefined ? argument : resolve("deploy", mounted)
  })
  const server = yield* startRedis(inject("redisBinary") ?? "", args)
  const { file = "", user = "" } =
    /cat (?<file>\S+)\).*--user (?<user>\w+) ping/.exec(service.healthcheck?.test?.[1] ?? "")?.groups ?? {}
  const password = (yield* read(reveal(file, service))).trimEnd()
  const probe = new Client({ ...server, username: user, password, enableReadyCheck: false, disableClientInfo: true })
  assert.strictEqual(yield* Effect.promise(() => probe.ping()), "PONG")
  probe.disconnect()
  return server
})

/** The local AWS, with the image's command on a port of its own, once its health check passes. */
const startAwsOf = Effect.fnUntraced(function* (service: Service) {
  const port = yield* freePort
  const here = (text: string) => text.replaceAll("0.0.0.0", "127.0.0.1").replaceAll("4566", String(port))
  const command: ReadonlyArray<string> = JSON.parse(
    / AS local-aws\n(?:.+\n)*CMD (\[.+\])/.exec(yield* read("Dockerfile"))?.[1] ?? "[]"
  )
  yield* launch(process.execPath, command.slice(1).map(here))
  const check = service.healthcheck?.test?.slice(2).map(here) ?? []
  yield* eventually(Effect.flatMap(launch(process.execPath, check), statusOf), (code) => code === 0)
  return { port }
})

describe.skipIf(inject("redis") === undefined)("the services of compose.yaml, as processes", () => {
  it.live(
    "bring a request that is submitted to its end",
    () =>
      Effect.gen(function* () {
        const { services } = yield* composeFile
        const reveal = yield* revealSecrets
        const postgres = yield* startPostgresOf(serviceOf(services, "postgres"), reveal)
        const redis = yield* startRedisOf(serviceOf(services, "redis"), reveal)
        const aws = yield* startAwsOf(serviceOf(services, "aws"))

        /** The environment of a service, with the addresses that the others have here. */
        const environmentOf = (name: string) => {
          const service = serviceOf(services, name)
          const { AWS_ENDPOINT_URL, DB_HOST, REDIS_HOST, ...others } = service.environment ?? {}
          return {
            ...Object.fromEntries(Object.entries(others).map(([variable, text]) => [variable, reveal(text, service)])),
            ...(DB_HOST === "postgres" && { DB_HOST: postgres.host, DB_PORT: String(postgres.port) }),
            ...(REDIS_HOST === "redis" && { REDIS_HOST: redis.host, REDIS_PORT: String(redis.port) }),
            ...(AWS_ENDPOINT_URL === "http://aws:4566" && { AWS_ENDPOINT_URL: `http://127.0.0.1:${aws.port}` })
          }
        }
        const run = (name: string, ...args: ReadonlyArray<string>) =>
          runCommand(environmentOf(name), ...argsOf(serviceOf(services, name)), ...args)

        const migrated = yield* run("migrate")
        assert.strictEqual(migrated.code, 0, migrated.stderr)
        const workers = yield* Effect.all([startWorker(environmentOf("worker")), startWorker(environmentOf("worker"))])

        // As the comment at the head of the file says it.
        const example = /run --rm submit ([^]+?)\n#\s+docker/.exec(yield* read(composePath))?.[1] ?? ""
        const submitted = yield* run("submit", ...example.replaceAll(/\\\n#/g, "").split(/\s+/))
        assert.strictEqual(submitted.code, 0, submitted.stderr)
        const status = runCommand(environmentOf("worker"), "status", submitted.stdout.trim())
        yield* eventually(status, ({ stdout }) => stdout.includes("SUCCESS"))

        for (const worker of workers) {
          yield* worker.signal("SIGTERM")
          assert.strictEqual(yield* worker.exit, 0)
          assert.notInclude(worker.stdout(), '"level":"ERROR"')
        }
      }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
    { timeout: 60_000 }
  )
})
