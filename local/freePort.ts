import { createServer } from "node:net"
import { Effect } from "effect"

/** A port of 127.0.0.1 that nothing listens on now, for servers that cannot pick one themselves and tell. */
export const freePort: Effect.Effect<number> = Effect.callback((resume) => {
  const server = createServer()
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    server.close(() => resume(Effect.succeed(port)))
  })
})
