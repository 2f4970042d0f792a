import { Effect, Schedule } from "effect"
import { HttpClient } from "effect/http"
import { defaultMaster } from "../local/aws/Credentials.ts"
import { freePort } from "../local/freePort.ts"
import type { PostgresServer } from "../local/postgres.ts"
import { startChild } from "./child.ts"
import type { Running } from "./Contestant.ts"
import { queue, region } from "./plan.ts"
import { Servers } from "./servers.ts"

/** Milliseconds between two looks at `/ready`. */
const lookEvery = 5

export interface Worker extends Running {
  /** Milliseconds from the spawn to the first 200 of `/ready`. */
  readonly readyAfter: number
}

export interface WorkerOptions {
  readonly concurrency: number
  /** Where the worker finds PostgreSQL, if something stands between. */
  readonly databasePort?: number
  /** Where it finds AWS, likewise. */
  readonly awsUrl?: string
  /** Another database than the usual one, and another queue. */
  readonly database?: string
  readonly queue?: string
  /** `SHUTDOWN_GRACE`. */
  readonly shutdownGrace?: string
  /** `AWS_SESSION_SCOPE`. */
  readonly sessionScope?: "account" | "job"
}

export const databaseVariables = (server: PostgresServer, user: string, database = "postgres") => ({
  DB_HOST: server.host,
  DB_PORT: String(server.port),
  DB_USER: user,
  DB_PASSWORD: server.password,
  DB_NAME: database
})

/** Starts the built worker, with defaults for all that has one, and waits until it is ready. */
export const startWorker = Effect.fnUntraced(function* (options: WorkerOptions) {
  const { awsUrl, postgres, redis } = yield* Servers
  const port = yield* freePort
  const spawnedAt = performance.now()
  const child = yield* startChild("the worker", ["--max-semi-space-size=16", "dist/main.js"], {
    MALLOC_ARENA_MAX: "2",
    ...databaseVariables(
      { ...postgres, port: options.databasePort ?? postgres.port },
      "csb_aws_user",
      options.database
    ),
    REDIS_HOST: redis.host,
    REDIS_PORT: String(redis.port),
    REDIS_QUEUE_AWS: options.queue ?? queue,
    AWS_REGION: region,
    AWS_ENDPOINT_URL: options.awsUrl ?? awsUrl,
    AWS_ACCESS_KEY: defaultMaster.accessKeyId,
    AWS_SECRET_KEY: defaultMaster.secretAccessKey,
    HTTP_HOST: "127.0.0.1",
    HTTP_PORT: String(port),
    WORKER_CONCURRENCY: String(options.concurrency),
    ...(options.shutdownGrace !== undefined && { SHUTDOWN_GRACE: options.shutdownGrace }),
    ...(options.sessionScope !== undefined && { AWS_SESSION_SCOPE: options.sessionScope })
  })
  yield* child.readyWhen(
    HttpClient.get(`http://127.0.0.1:${port}/ready`).pipe(
      Effect.map((response) => response.status === 200),
      Effect.orElseSucceed(() => false),
      Effect.repeat({ until: (ready) => ready, schedule: Schedule.spaced(lookEvery) })
    )
  )
  return { pid: child.pid, readyAfter: performance.now() - spawnedAt, stop: child.stop } satisfies Worker
})
