import { connect, createServer, type Server, type Socket } from "node:net"
import { Effect } from "effect"

interface Address {
  readonly host: string
  readonly port: number
}

/**
 * Where a proxy stops the bytes of a connection. `request`: what matches does not reach the server. `answer`: it does, but
 * nothing comes back any more.
 */
export interface Rule {
  readonly side: "request" | "answer"
  readonly matches: (bytes: string) => boolean
}

/** One connection, the first on which something matches. */
export interface Hold {
  readonly reached: Effect.Effect<void>
  /** Lets go what was kept back, or of a rule that never matched. */
  readonly release: Effect.Effect<void>
}

interface Armed {
  readonly rule: Rule
  readonly strike: (flow: Flow) => void
}

/** One direction of a connection. What is kept back when the connection ends never arrives. */
class Flow {
  readonly #to: Socket
  #kept: Array<Buffer> | undefined

  constructor(to: Socket) {
    this.#to = to
  }

  keep(): void {
    this.#kept ??= []
  }

  send(bytes: Buffer): void {
    if (this.#kept === undefined) this.#to.write(bytes)
    else this.#kept.push(bytes)
  }

  letGo(): void {
    const kept = this.#kept ?? []
    this.#kept = undefined
    for (const bytes of kept) if (!this.#to.destroyed) this.#to.write(bytes)
  }
}

/** Stands between a worker and a server. It ends with the scope. */
export interface Proxy extends Address {
  /** Ends every connection, without a word. */
  readonly cut: Effect.Effect<void>
  readonly hold: (rule: Rule) => Hold
}

export const startProxy = (target: Address) =>
  Effect.acquireRelease(listen(target), ({ close }) => close).pipe(Effect.map(({ proxy }) => proxy))

const listen = (target: Address) =>
  Effect.callback<{ readonly proxy: Proxy; readonly close: Effect.Effect<void> }>((resume) => {
    const sockets = new Set<Socket>()
    const armed = new Set<Armed>()

    const relay = (client: Socket) => {
      const server = connect({ ...target, noDelay: true })
      const requests = new Flow(server)
      const answers = new Flow(client)
      const end = () => [client, server].forEach((socket) => sockets.delete(socket.destroy()))
      for (const socket of [client, server]) {
        sockets.add(socket)
        // A reset is what this is for; "close" follows.
        socket.on("error", () => undefined).on("close", end)
      }
      client.on("data", (bytes: Buffer) => {
        const text = bytes.toString("latin1")
        const struck = Array.from(armed).find(({ rule }) => rule.matches(text))
        if (struck === undefined) return requests.send(bytes)
        armed.delete(struck)
        const flow = struck.rule.side === "request" ? requests : answers
        flow.keep()
        requests.send(bytes)
        struck.strike(flow)
      })
      server.on("data", (bytes: Buffer) => answers.send(bytes))
    }

    const hold = (rule: Rule): Hold => {
      const { promise, resolve } = Promise.withResolvers<void>()
      let flow: Flow | undefined
      const mine: Armed = {
        rule,
        strike: (struck) => {
          flow = struck
          resolve()
        }
      }
      armed.add(mine)
      return {
        reached: Effect.promise(() => promise),
        release: Effect.sync(() => {
          armed.delete(mine)
          flow?.letGo()
        })
      }
    }

    const cut = Effect.sync(() => sockets.forEach((socket) => socket.destroy()))
    const listener: Server = createServer({ noDelay: true }, relay)
    const close = Effect.callback<void>((done) => {
      listener.close(() => done(Effect.void))
      sockets.forEach((socket) => socket.destroy())
    })
    listener.listen(0, "127.0.0.1", () => {
      const address = listener.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      resume(Effect.succeed({ proxy: { host: "127.0.0.1", port, cut, hold }, close }))
    })
  })
