import { createServer, connect, type Socket } from "node:net"
import { Effect } from "effect"
import type { PostgresServer } from "../local/postgres.ts"
import { BenchFailure } from "./BenchFailure.ts"

/**
 * A door before PostgreSQL that counts the statements which go through it: the simple queries and the executions of
 * prepared ones. What a server counts itself are transactions, of which one may hold many.
 * https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
export const countStatements = Effect.fnUntraced(function* (server: PostgresServer) {
  let statements = 0
  const sockets = new Set<Socket>()
  const pass = (from: Socket, to: Socket) => {
    sockets.add(from)
    from.pipe(to)
    from.on("error", () => to.destroy())
    from.on("close", () => sockets.delete(from))
  }
  const door = createServer((client) => {
    const backend = connect(server.port, server.host)
    client.on(
      "data",
      readTypes((type) => {
        if (type === "Q" || type === "E") statements += 1
      })
    )
    pass(client, backend)
    pass(backend, client)
  })
  const port = yield* Effect.acquireRelease(listen(door), () =>
    Effect.sync(() => {
      door.close()
      for (const socket of sockets) socket.destroy()
    })
  )
  return { port, statements: Effect.sync(() => statements) }
})

const listen = (door: ReturnType<typeof createServer>) =>
  Effect.callback<number, BenchFailure>((resume) => {
    door.listen(0, "127.0.0.1", () => {
      const address = door.address()
      resume(
        address !== null && typeof address === "object"
          ? Effect.succeed(address.port)
          : Effect.fail(new BenchFailure({ message: "the statement counter does not listen" }))
      )
    })
  })

/** Tells the type of each message of a client's stream. The first message, which starts the session, has none. */
const readTypes = (tell: (type: string) => void) => {
  let typeLength = 0
  let rest: Buffer = Buffer.alloc(0)
  let skip = 0
  return (chunk: Buffer): void => {
    let at = Math.min(skip, chunk.length)
    skip -= at
    if (at === chunk.length) return
    const bytes = rest.length === 0 ? chunk.subarray(at) : Buffer.concat([rest, chunk])
    at = 0
    while (bytes.length - at >= typeLength + 4) {
      if (typeLength === 1) tell(String.fromCharCode(bytes.readUInt8(at)))
      const length = typeLength + bytes.readInt32BE(at + typeLength)
      typeLength = 1
      at += length
      if (at > bytes.length) {
        skip = at - bytes.length
        at = bytes.length
      }
    }
    rest = bytes.subarray(at)
  }
}
