import { type ChildProcess, spawn } from "node:child_process"
import { Effect, Schedule, Schema } from "effect"
import type { LocalAws } from "../../local/aws/LocalAws.ts"
import type { PostgresServer } from "../../local/postgres.ts"
import type { RedisServer } from "../../local/redis.ts"

/** The built program, as `npm test` has built it before. */
const program = "dist/main.js"

/** Where a worker finds its servers, as the role and with the keys that it has in tests. */
export const serversOf = (servers: {
  readonly aws: LocalAws["Service"]
  readonly redis: RedisServer
  readonly queue: string
  readonly postgres: PostgresServer
  readonly database: string
}) => ({
  AWS_REGION: "us-east-1",
  AWS_ACCESS_KEY: servers.aws.master.accessKeyId,
  AWS_SECRET_KEY: servers.aws.master.secretAccessKey,
  AWS_ENDPOINT_URL: servers.aws.url,
  REDIS_HOST: servers.redis.host,
  REDIS_PORT: String(servers.redis.port),
  REDIS_QUEUE_AWS: servers.queue,
  DB_HOST: servers.postgres.host,
  DB_PORT: String(servers.postgres.port),
  DB_USER: "csb_aws_user",
  DB_PASSWORD: servers.postgres.password,
  DB_NAME: servers.database
})

export interface Program {
  readonly child: ChildProcess
  /** What it has written so far. */
  readonly stdout: () => string
  readonly stderr: () => string
  /** Its exit status; 128 and the signal's number if a signal ended it, as shells say it. */
  readonly exit: Effect.Effect<number>
  readonly signal: (signal: NodeJS.Signals) => Effect.Effect<void>
}

/** Starts the program with nothing in its environment but `env`; whatever becomes of the test, it ends with the scope. */
export const start = (env: Readonly<Record<string, string>>, ...args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync((): Program => {
      const child = spawn(process.execPath, [program, ...args], { env, stdio: ["ignore", "pipe", "pipe"] })
      const output = { stdout: "", stderr: "" }
      child.stdout.on("data", (chunk: Buffer) => (output.stdout += chunk.toString()))
      child.stderr.on("data", (chunk: Buffer) => (output.stderr += chunk.toString()))
      const ended = new Promise<number>((resolve) => {
        child.on("close", (code) => resolve(code ?? -1))
      })
      return {
        child,
        stdout: () => output.stdout,
        stderr: () => output.stderr,
        exit: Effect.promise(() => ended),
        signal: (signal) => Effect.sync(() => child.kill(signal))
      }
    }),
    ({ child, exit }) =>
      Effect.andThen(
        Effect.sync(() => child.kill("SIGKILL")),
        exit
      )
  )

/** Runs a command to its end. */
export const runCommand = (env: Readonly<Record<string, string>>, ...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { exit, stderr, stdout } = yield* start(env, ...args)
    return { code: yield* exit, stdout: stdout(), stderr: stderr() }
  }).pipe(Effect.scoped)

/** Looks every few milliseconds until the condition holds; the test's own time limit is the end of it. */
export const eventually = <A, E, R>(look: Effect.Effect<A, E, R>, holds: (value: A) => boolean) =>
  Effect.repeat(look, { until: holds, schedule: Schedule.spaced("10 millis") })

const LogLine = Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown))
const decodeLine = Schema.decodeSync(LogLine)

/** The log so far, each line parsed: a line that is no JSON object fails the test. */
export const logOf = ({ stdout }: Program) =>
  stdout()
    .split("\n")
    .slice(0, -1)
    .map((line) => decodeLine(line))

/** The worker, as soon as its probes answer. `get` asks one of its paths. */
export const startWorker = Effect.fnUntraced(function* (env: Readonly<Record<string, string>>) {
  const worker = yield* start({ HTTP_HOST: "127.0.0.1", HTTP_PORT: "0", ...env })
  const address = /listening on (http:\/\/[\d.:]+)/
  yield* eventually(
    Effect.sync(() => ({ text: worker.stdout(), ended: worker.child.exitCode !== null })),
    ({ ended, text }) => ended || address.test(text)
  )
  const url = address.exec(worker.stdout())?.[1]
  if (url === undefined) return yield* Effect.die(new Error(`the worker ended: ${worker.stdout()}${worker.stderr()}`))
  const get = (path: string) =>
    Effect.promise(async () => {
      const response = await fetch(url + path)
      return { status: response.status, body: await response.text() }
    })
  yield* eventually(get("/ready"), ({ status }) => status === 200)
  return { ...worker, url, get }
})
