import { request } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Effect, Layer, Option, Redacted } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { dashboardRoutes } from "../../src/dashboard/dashboardRoutes.ts"
import { PageFiles } from "../../src/dashboard/PageFiles.ts"
import { HttpConfig } from "../../src/services/Config.ts"
import { memoryWorker } from "../fixture.ts"

export const token = "open sesame"

/** Files that say their own names; the sign-in page has the place for a problem. */
const files = Layer.succeed(PageFiles, {
  read: (name) =>
    Effect.succeed({
      body: Buffer.from(name === "sign-in.html" ? "sign in <!-- problem -->" : name),
      contentType: name.endsWith(".html") ? "text/html; charset=utf-8" : "text/javascript; charset=utf-8",
      etag: `"${name}"`
    })
})

/** The dashboard on a free port, over the memory worker. */
export const served = (adminToken: Option.Option<string> = Option.some(token)) =>
  HttpRouter.serve(dashboardRoutes, { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provide(files),
    Layer.provide(
      Layer.succeed(HttpConfig, {
        host: "127.0.0.1",
        port: 0,
        adminToken: Option.map(adminToken, (text) => Effect.succeed(Redacted.make(text)))
      })
    ),
    Layer.provideMerge(NodeHttpServer.layerTest),
    Layer.provideMerge(memoryWorker())
  )

interface Asked {
  readonly headers?: Readonly<Record<string, string>>
  readonly form?: Readonly<Record<string, string>>
  readonly json?: unknown
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Over a plain socket, since `fetch` has a mind of its own about cookies, redirects and some headers. */
export const ask = (method: "GET" | "POST" | "DELETE", path: string, { form, headers = {}, json }: Asked = {}) =>
  HttpServer.addressFormattedWith((address) =>
    Effect.callback<Answer>((resume) => {
      const body =
        form === undefined ? (json === undefined ? undefined : JSON.stringify(json)) : String(new URLSearchParams(form))
      const type = form === undefined ? "application/json" : "application/x-www-form-urlencoded"
      const sent = request(
        new URL(path, address.replace("0.0.0.0", "127.0.0.1")),
        { method, agent: false, headers: { ...(body !== undefined && { "content-type": type }), ...headers } },
        (response) => {
          const chunks: Array<Buffer> = []
          response.on("data", (chunk: Buffer) => chunks.push(chunk))
          response.on("end", () =>
            resume(
              Effect.succeed({
                status: response.statusCode ?? 0,
                headers: Object.fromEntries(
                  Object.entries(response.headers).map(([name, value]) => [name, String(value)])
                ),
                body: Buffer.concat(chunks).toString()
              })
            )
          )
        }
      )
      sent.end(body)
    })
  )

export const bearer = (text: string) => ({ authorization: `Bearer ${text}` })
export const browser = { accept: "text/html,application/xhtml+xml" }
