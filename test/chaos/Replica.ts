import { Effect, Exit, Scope } from "effect"
import { eventually, type Program, start } from "../process/program.ts"
import { type Proxy, startProxy } from "./Proxy.ts"
import { Stage } from "./Stage.ts"

/** A worker in its own process, behind proxies of its own. */
export interface Replica {
  readonly id: string
  readonly program: Program
  readonly postgres: Proxy
  readonly redis: Proxy
  /** What `/ready` says; none while it does not listen. */
  readonly ready: Effect.Effect<{ readonly status: number; readonly body: string } | undefined>
  /** The process is killed if it still runs, and the proxies close. */
  readonly end: Effect.Effect<void>
}

let count = 0

/** Starts a replica; whether its start succeeds, it tells by itself. `settings`: where it differs from the others. */
export const startReplica = Effect.fnUntraced(function* (settings: Readonly<Record<string, string>> = {}) {
  const { env } = yield* Stage
  const scope = yield* Scope.fork(yield* Effect.scope)
  const id = `replica-${++count}`
  return yield* Effect.gen(function* () {
    const postgres = yield* startProxy({ host: env["DB_HOST"] ?? "", port: Number(env["DB_PORT"]) })
    const redis = yield* startProxy({ host: env["REDIS_HOST"] ?? "", port: Number(env["REDIS_PORT"]) })
    const program = yield* start({
      ...env,
      // The calls that AWS receives tell whose they are.
      AWS_ROLE_SESSION_NAME: id,
      WORKER_ID: id,
      DB_PORT: String(postgres.port),
      REDIS_PORT: String(redis.port),
      HTTP_HOST: "127.0.0.1",
      HTTP_PORT: "0",
      ...settings
    })
    const ready = Effect.promise(async () => {
      const url = /listening on (http:\/\/[\d.:]+)/.exec(program.stdout())?.[1]
      if (url === undefined) return undefined
      // A stopped or ended process answers nothing.
      const response = await fetch(`${url}/ready`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined)
      return response && { status: response.status, body: await response.text() }
    })
    return { id, program, postgres, redis, ready, end: Scope.close(scope, Exit.void) } satisfies Replica
  }).pipe(Scope.provide(scope))
})

export const isRunning = ({ program: { child } }: Replica) => child.exitCode === null && child.signalCode === null

export const awaitReady = (replica: Replica) =>
  eventually(replica.ready, (answer) => answer?.status === 200 || !isRunning(replica)).pipe(
    Effect.filterOrElse(
      () => isRunning(replica),
      () => Effect.die(new Error(`${replica.id} ended: ${replica.program.stdout()}${replica.program.stderr()}`))
    )
  )

/** As many replicas at once, all ready. */
export const startReplicas = (number: number, settings?: Readonly<Record<string, string>>) =>
  Effect.forEach(
    Array.from({ length: number }, () => startReplica(settings)),
    (starting) => Effect.tap(starting, awaitReady),
    { concurrency: "unbounded" }
  )

/** SIGTERM; its exit status, and how many milliseconds it took. */
export const drain = Effect.fnUntraced(function* ({ program }: Replica) {
  const since = performance.now()
  yield* program.signal("SIGTERM")
  const code = yield* program.exit
  return { code, took: performance.now() - since }
})
