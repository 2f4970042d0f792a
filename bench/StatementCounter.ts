import { Effect } from "effect"
import type { PostgresServer } from "../local/postgres.ts"
import { openDoor } from "./door.ts"

/**
 * A door before PostgreSQL that counts the statements which go through it: the simple queries and the executions of
 * prepared ones. What a server counts itself are transactions, of which one may hold many.
 * https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
export const countStatements = Effect.fnUntraced(function* (server: PostgresServer) {
  let statements = 0
  const port = yield* openDoor(server, () =>
    readTypes((type) => {
      if (type === "Q" || type === "E") statements += 1
    })
  )
  return { port, statements: Effect.sync(() => statements) }
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
