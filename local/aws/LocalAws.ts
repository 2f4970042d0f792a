import type { Server } from "node:http"
import { Context, Effect, Layer, Schema } from "effect"
import { type CallFilter, type CallLog, type CallRecord, matchesCall } from "./CallLog.ts"
import { defaultMaster } from "./Credentials.ts"
import type { MasterCredentials } from "./Declarations.ts"
import { Emulator } from "./Emulator.ts"
import type { Faults } from "./Faults.ts"
import { makeServer } from "./Server.ts"
import type { World } from "./World.ts"

/** How the local AWS starts. */
export interface LocalAwsOptions {
  /** Default 0: any free port. */
  readonly port?: number
  /** Default `127.0.0.1`. */
  readonly host?: string
  /** Everything exists that was not declared, unless its name starts with `missing`. Default false. */
  readonly open?: boolean
  /** Milliseconds before each answer. Default 0. */
  readonly latencyMillis?: number
  /** How many calls the log keeps. Default 100,000. */
  readonly callLogCapacity?: number
}

/** The server could not listen: the port is taken, or the host is not this machine's. */
export class LocalAwsListenError extends Schema.TaggedError<LocalAwsListenError>()("LocalAwsListenError", {
  host: Schema.String,
  port: Schema.Int,
  cause: Schema.Defect()
}) {
  override get message(): string {
    return `The local AWS cannot listen on ${this.host}:${this.port}`
  }
}

/**
 * A local AWS that speaks STS and IAM to the unmodified SDK: give a client `endpoint: url` and the keys of `master`.
 *
 * `world`, `faults` and `calls` are plain objects whose methods take effect at once, for the next call that arrives.
 */
export class LocalAws extends Context.Service<
  LocalAws,
  {
    /** `http://127.0.0.1:<port>`, for `endpoint` or `AWS_ENDPOINT_URL`. */
    readonly url: string
    /** Keys that are there from the start. Others: `world.addMaster`. */
    readonly master: MasterCredentials
    /** Accounts, principals, policies, attachments and sessions. */
    readonly world: World
    /** The faults in force. */
    readonly faults: Faults
    /** The calls received, and counters. */
    readonly calls: CallLog
    /** The first matching call that is in the log or still to come. */
    readonly awaitCall: (filter: CallFilter) => Effect.Effect<CallRecord>
    /** Milliseconds before each answer. */
    readonly setLatency: (millis: number) => void
    /** Attach and detach calls per second and account, beyond which they are throttled; undefined: no limit. */
    readonly setWriteRate: (perSecond: number | undefined) => void
    /** Milliseconds that this AWS's clock is ahead of the machine's: beyond five minutes no signature is accepted. */
    readonly setClockOffset: (millis: number) => void
  }
>()("local/aws/LocalAws") {
  /** Starts the server; the end of the scope closes it and destroys its sockets at once, also of calls that hang. */
  static readonly layer = (options: LocalAwsOptions = {}): Layer.Layer<LocalAws, LocalAwsListenError> =>
    Layer.effect(LocalAws, makeLocalAws(options))
}

const makeLocalAws = Effect.fnUntraced(function* (options: LocalAwsOptions) {
  const { callLogCapacity = 100_000, host = "127.0.0.1", latencyMillis = 0, open = false, port = 0 } = options
  const emulator = new Emulator({ open, callLogCapacity })
  emulator.latencyMillis = latencyMillis
  emulator.world.addMaster(defaultMaster)
  const server = yield* Effect.acquireRelease(listen(makeServer(emulator), host, port), close)
  const address = server.address()
  const boundPort = address !== null && typeof address === "object" ? address.port : port

  return LocalAws.of({
    url: `http://${host}:${boundPort}`,
    master: defaultMaster,
    world: emulator.world,
    faults: emulator.faults,
    calls: emulator.calls,
    awaitCall: (filter) => awaitCall(emulator.calls, filter),
    setLatency: (millis) => {
      emulator.latencyMillis = millis
    },
    setWriteRate: (perSecond) => emulator.writeRate.set(perSecond),
    setClockOffset: (millis) => {
      emulator.clockOffsetMillis = millis
    }
  })
})

const listen = (server: Server, host: string, port: number): Effect.Effect<Server, LocalAwsListenError> =>
  Effect.callback((resume) => {
    server.once("error", (cause) => resume(Effect.fail(new LocalAwsListenError({ host, port, cause }))))
    server.listen(port, host, () => resume(Effect.succeed(server)))
  })

const close = (server: Server): Effect.Effect<void> =>
  Effect.callback((resume) => {
    server.close(() => resume(Effect.void))
    server.closeAllConnections()
  })

const awaitCall = (calls: CallLog, filter: CallFilter): Effect.Effect<CallRecord> =>
  Effect.callback((resume) => {
    const [past] = calls.list(filter)
    if (past !== undefined) {
      resume(Effect.succeed(past))
      return Effect.void
    }
    const unsubscribe = calls.subscribe((call) => {
      if (!matchesCall(filter, call)) return
      unsubscribe()
      resume(Effect.succeed(call))
    })
    return Effect.sync(unsubscribe)
  })
