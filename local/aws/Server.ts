import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { Answer } from "./Answer.ts"
import { handleControl } from "./Control.ts"
import type { Emulator } from "./Emulator.ts"

/** More than any call or declaration needs. */
const maxBodyBytes = 8 * 1024 * 1024

const readBody = (request: IncomingMessage, done: (body: Buffer) => void): void => {
  const chunks: Array<Buffer> = []
  let size = 0
  request.on("data", (chunk: Buffer) => {
    chunks.push(chunk)
    size += chunk.length
    if (size > maxBodyBytes) request.destroy()
  })
  request.on("end", () => {
    const [first] = chunks
    done(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks))
  })
}

const deliver = (response: ServerResponse, answer: Answer, date: string): void => {
  if (response.destroyed || answer.delivery === "hang") return
  if (answer.delivery === "reset") {
    response.socket?.resetAndDestroy()
    return
  }
  const headers = [
    "Content-Type",
    answer.contentType,
    "Content-Length",
    String(Buffer.byteLength(answer.body)),
    "Date",
    date
  ]
  if (answer.requestId !== undefined) headers.unshift("x-amzn-RequestId", answer.requestId)
  if (answer.retryAfterSeconds !== undefined) headers.push("Retry-After", String(answer.retryAfterSeconds))
  response.writeHead(answer.status, headers)
  if (answer.delivery === "stall") response.write(answer.body.slice(0, answer.body.length / 2))
  else response.end(answer.body)
}

/** The `Date` header by the emulator's clock, which the SDK learns its own clock's error from. Made once a second. */
const dateHeader = (now: () => number): (() => string) => {
  let second = 0
  let text = ""
  return () => {
    const current = Math.floor(now() / 1000)
    if (current !== second) {
      second = current
      text = new Date(current * 1000).toUTCString()
    }
    return text
  }
}

/** An HTTP server, not yet listening, that speaks for an emulator: AWS at `POST /`, the controls under `/_local/`. */
export const makeServer = (emulator: Emulator): Server => {
  const date = dateHeader(emulator.now)
  const server = createServer({ keepAliveTimeout: 120_000, requestTimeout: 0 }, (request, response) => {
    response.sendDate = false
    readBody(request, (body) => {
      const { headers, method = "", url = "/" } = request
      if (url.startsWith("/_local/")) {
        const { json, status } = handleControl(emulator, method, url, body.toString())
        response.writeHead(status, { "Content-Type": "application/json" }).end(`${JSON.stringify(json)}\n`)
        return
      }
      if (method !== "POST" || url !== "/") {
        response.writeHead(404).end()
        return
      }
      const answer = emulator.handle({ headers, body })
      // Unreferenced: an answer that is due must not keep a process alive that has nothing else to do.
      if (emulator.latencyMillis > 0) setTimeout(deliver, emulator.latencyMillis, response, answer, date()).unref()
      else deliver(response, answer, date())
    })
  })
  return server
}
