import { createServer, connect, type Socket } from "node:net"
import { Effect } from "effect"
import { BenchFailure } from "./BenchFailure.ts"

/**
 * A door before a server, which lets all through. `watch` is called for each connection, and what it returns sees all that the
 * client sends. Tells its port.
 */
export const openDoor = Effect.fnUntraced(function* (
  { host, port }: { readonly host: string; readonly port: number },
  watch: () => (chunk: Buffer) => void
) {
  const sockets = new Set<Socket>()
  const pass = (from: Socket, to: Socket) => {
    sockets.add(from)
    from.setNoDelay(true)
    from.pipe(to)
    from.on("error", () => to.destroy())
    from.on("close", () => sockets.delete(from))
  }
  const door = createServer((client) => {
    const backend = connect(port, host)
    client.on("data", watch())
    pass(client, backend)
    pass(backend, client)
  })
  return yield* Effect.acquireRelease(listen(door), () =>
    Effect.sync(() => {
      door.close()
      for (const socket of sockets) socket.destroy()
    })
  )
})

const listen = (door: ReturnType<typeof createServer>) =>
  Effect.callback<number, BenchFailure>((resume) => {
    door.listen(0, "127.0.0.1", () => {
      const address = door.address()
      resume(
        address !== null && typeof address === "object"
          ? Effect.succeed(address.port)
          : Effect.fail(new BenchFailure({ message: "the door does not listen" }))
      )
    })
  })
