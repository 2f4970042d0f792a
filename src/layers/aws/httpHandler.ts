import { type HttpHandler, type HttpRequest, HttpResponse } from "@smithy/core/protocols"
import Agent from "undici/lib/dispatcher/agent.js"

/**
 * How AWS's SDK sends its requests: through undici's `dispatch`, with the answer's body in one piece. That takes less than two thirds of
 * the CPU that a call takes through Node's own client, the SDK's default. `@smithy/undici-http-handler`, which makes a stream of each
 * body, saves nothing over the default.
 *
 * `timeout`: milliseconds to connect, to the answer's head, and between two pieces of its body. Never sends a request twice.
 */
export const httpHandler = (connections: number, timeout: number): HttpHandler => {
  const agent = new Agent({
    connections,
    connect: { timeout },
    headersTimeout: timeout,
    bodyTimeout: timeout
  })

  return {
    handle: ({ body, headers, hostname, method, path, port, protocol, query }: HttpRequest, options = {}) =>
      new Promise((resolve, reject) => {
        let statusCode = 0
        let answered: HttpResponse["headers"] = {}
        const pieces: Array<Buffer> = []
        agent.dispatch(
          {
            origin: `${protocol}//${hostname}${port === undefined ? "" : `:${port}`}`,
            path,
            query,
            method,
            headers,
            body
          },
          {
            onRequestStart: (controller) => {
              const { abortSignal } = options
              const abort = () => controller.abort(new Error("aborted"))
              if (abortSignal?.aborted) abort()
              else if (abortSignal instanceof AbortSignal) abortSignal.addEventListener("abort", abort, { once: true })
            },
            onResponseStart: (_, status, answer) => {
              statusCode = status
              answered = Object.fromEntries(Object.entries(answer).map(([name, value]) => [name, String(value)]))
            },
            onResponseData: (_, piece) => void pieces.push(piece),
            onResponseEnd: () =>
              resolve({ response: new HttpResponse({ statusCode, headers: answered, body: Buffer.concat(pieces) }) }),
            onResponseError: (_, error) => reject(error)
          }
        )
      }),
    destroy: () => void agent.destroy(),
    updateHttpClientConfig: () => {},
    httpHandlerConfigs: () => ({})
  }
}
