import { Deferred, Effect, Option } from "effect"

export type Server = "redis" | "postgres" | "aws"

/** When a worker dies: at which of its next calls, and whether that one still takes effect. */
export interface Death {
  readonly afterCalls: number
  readonly when: "before" | "after"
}

/**
 * Stands between one boot of a worker and everything that others see of it: each call to Redis, PostgreSQL and AWS goes through.
 * Closed for good, nothing that the worker does matters any more, as after SIGKILL; closed for a while, it was stopped.
 */
export class Gate {
  readonly #killed = Deferred.makeUnsafe<void>()
  #death = Option.none<Death>()
  #stopped = Option.none<Deferred.Deferred<void>>()
  dead = false

  /** Connections that broke without a call having met it: the next call on them fails, also after the server's return. */
  readonly broken = new Map<string, unknown>()

  /** Servers that are away, with the error that calls to them end with. */
  readonly away = new Map<Server, unknown>()

  takeAway(server: Server, failure: unknown): void {
    this.away.set(server, failure)
    for (const connection of [server, `${server}, waiting`]) this.broken.set(connection, failure)
  }

  kill(): void {
    this.dead = true
    Deferred.doneUnsafe(this.#killed, Effect.void)
    this.goOn()
  }
  killAt(death: Death): void {
    this.#death = Option.some(death)
  }
  stop(): void {
    if (Option.isNone(this.#stopped)) this.#stopped = Option.some(Deferred.makeUnsafe())
  }
  goOn(): void {
    if (Option.isSome(this.#stopped)) Deferred.doneUnsafe(this.#stopped.value, Effect.void)
    this.#stopped = Option.none()
  }

  /** The same service, through this gate. */
  before<S extends object>(server: Server, service: S): S {
    return new Proxy(service, {
      get: (target, name): unknown => {
        // What waits has a connection of its own.
        const connection = String(name).endsWith("Wait") ? `${server}, waiting` : server
        const pass = (call: Effect.Effect<unknown, unknown, unknown>) => this.#pass(server, connection, call)
        const member: unknown = Reflect.get(target, name)
        if (Effect.isEffect(member)) return pass(member)
        if (typeof member !== "function") return member
        return (...args: ReadonlyArray<unknown>) => {
          const call: unknown = Reflect.apply(member, target, args)
          return Effect.isEffect(call) ? pass(call) : call
        }
      }
    })
  }

  #pass(
    server: Server,
    connection: string,
    call: Effect.Effect<unknown, unknown, unknown>
  ): Effect.Effect<unknown, unknown, unknown> {
    // Unwinds whatever called; its finalizers meet the same gate.
    const gone = Effect.interrupt
    const passed = Effect.suspend(() => {
      const failure = this.away.get(server) ?? this.broken.get(connection)
      this.broken.delete(connection)
      if (failure !== undefined) return Effect.fail(failure)
      if (Option.isNone(this.#death)) return call
      const { afterCalls, when } = this.#death.value
      if (afterCalls > 0) {
        this.#death = Option.some({ afterCalls: afterCalls - 1, when })
        return call
      }
      if (when === "before") this.kill()
      return when === "before"
        ? gone
        : Effect.andThen(
            call,
            Effect.suspend(() => (this.kill(), gone))
          )
    })
    const unlessKilled = Effect.raceFirst(passed, Effect.andThen(Deferred.await(this.#killed), gone))
    return Effect.suspend(() => {
      if (this.dead) return gone
      const wait = Option.match(this.#stopped, {
        onNone: () => Effect.void,
        onSome: (resumed) => Effect.interruptible(Deferred.await(resumed))
      })
      return Effect.andThen(
        wait,
        Effect.suspend(() => (this.dead ? gone : unlessKilled))
      )
    })
  }
}
