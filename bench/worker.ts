import { fileURLToPath } from "node:url"
import { Effect, Schedule, Stream } from "effect"
import { HttpClient } from "effect/http"
import { ChildProcess } from "effect/process"
import { defaultMaster } from "../local/aws/Credentials.ts"
import { freePort } from "../local/freePort.ts"
import type { PostgresServer } from "../local/postgres.ts"
import { BenchFailure } from "./BenchFailure.ts"
import { region } from "./plan.ts"
import { Servers } from "./servers.ts"

export const projectFolder = fileURLToPath(new URL("..", import.meta.url))

/** Milliseconds between two looks at `/ready`. */
const lookEvery = 5

export interface Worker {
  readonly pid: number
  /** Milliseconds from the spawn to the first 200 of `/ready`. */
  readonly readyAfter: number
  /** SIGTERM, and exit status 0. */
  readonly stop: Effect.Effect<void, BenchFailure>
}

export interface WorkerOptions {
  readonly concurrency: number
  /** Where the worker finds PostgreSQL, if something stands between. */
  readonly databasePort?: number
}

export const databaseVariables = (server: PostgresServer, user: string) => ({
  DB_HOST: server.host,
  DB_PORT: String(server.port),
  DB_USER: user,
  DB_PASSWORD: server.password,
  DB_NAME: "postgres"
})

/** Starts the built worker, with defaults for all that has one, and waits until it is ready. */
export const startWorker = Effect.fnUntraced(function* ({ concurrency, databasePort }: WorkerOptions) {
  const { awsUrl, postgres, redis } = yield* Servers
  const port = yield* freePort
  const spawnedAt = performance.now()
  const child = yield* ChildProcess.make(process.execPath, ["dist/main.js"], {
    cwd: projectFolder,
    stdin: "ignore",
    forceKillAfter: "30 seconds",
    env: {
      ...databaseVariables({ ...postgres, port: databasePort ?? postgres.port }, "csb_aws_user"),
      REDIS_HOST: redis.host,
      REDIS_PORT: String(redis.port),
      AWS_REGION: region,
      AWS_ENDPOINT_URL: awsUrl,
      AWS_ACCESS_KEY: defaultMaster.accessKeyId,
      AWS_SECRET_KEY: defaultMaster.secretAccessKey,
      HTTP_HOST: "127.0.0.1",
      HTTP_PORT: String(port),
      WORKER_CONCURRENCY: String(concurrency)
    }
  })
  // Its log goes through a pipe, as in a container. Of what it says only the end is of interest, when it fails.
  let lastWords: Uint8Array = new Uint8Array()
  yield* Effect.forkScoped(Stream.runForEach(child.all, (chunk) => Effect.sync(() => (lastWords = chunk))))

  const failed = (what: string) =>
    Effect.suspend(() =>
      Effect.fail(new BenchFailure({ message: `the worker ${what}: ${Buffer.from(lastWords).toString().trim()}` }))
    )
  yield* HttpClient.get(`http://127.0.0.1:${port}/ready`).pipe(
    Effect.map((response) => response.status === 200),
    Effect.orElseSucceed(() => false),
    Effect.repeat({ until: (ready) => ready, schedule: Schedule.spaced(lookEvery) }),
    Effect.raceFirst(Effect.andThen(Effect.ignore(child.exitCode), failed("ended before it was ready"))),
    Effect.timeoutOrElse({ duration: "30 seconds", orElse: () => failed("is not ready after 30 seconds") })
  )
  const readyAfter = performance.now() - spawnedAt

  const stop = Effect.ignore(child.kill({ forceKillAfter: "30 seconds" })).pipe(
    Effect.andThen(Effect.orElseSucceed(child.exitCode, () => -1)),
    Effect.flatMap((code) => (code === 0 ? Effect.void : failed(`ended with ${code} on SIGTERM`)))
  )
  return { pid: child.pid, readyAfter, stop } satisfies Worker
})
