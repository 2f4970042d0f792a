import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { Context, Effect, Layer, Schema } from "effect"

const Attribute = Schema.Struct({ key: Schema.String, value: Schema.Record(Schema.String, Schema.Unknown) })
const Span = Schema.Struct({
  traceId: Schema.String,
  spanId: Schema.String,
  parentSpanId: Schema.optionalKey(Schema.String),
  name: Schema.String,
  kind: Schema.Number,
  startTimeUnixNano: Schema.String,
  endTimeUnixNano: Schema.String,
  attributes: Schema.Array(Attribute),
  links: Schema.Array(Schema.Struct({ traceId: Schema.String, spanId: Schema.String })),
  status: Schema.Struct({ code: Schema.Number })
})
/** https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding */
const Traces = Schema.fromJsonString(
  Schema.Struct({
    resourceSpans: Schema.Array(
      Schema.Struct({
        resource: Schema.Struct({ attributes: Schema.Array(Attribute) }),
        scopeSpans: Schema.Array(Schema.Struct({ spans: Schema.Array(Span) }))
      })
    )
  })
)
const decode = Schema.decodeUnknownSync(Traces)

/** Values by name; each is the one field of its OTLP value. */
export const valuesOf = (attributes: ReadonlyArray<typeof Attribute.Type>) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

/** An OpenTelemetry collector for traces, by OTLP over HTTP as JSON. */
export class Collector extends Context.Service<
  Collector,
  {
    readonly url: string
    /** The bodies as they came, to any path. */
    readonly bodies: ReadonlyArray<string>
    readonly resource: () => Readonly<Record<string, unknown>>
    readonly spans: () => ReadonlyArray<typeof Span.Type>
  }
>()("test/Collector") {
  /** `silent`: takes each request, and never answers. */
  static readonly layer = (kind: "answers" | "silent" = "answers") =>
    Layer.effect(
      Collector,
      Effect.gen(function* () {
        const bodies: Array<string> = []
        const server = yield* Effect.acquireRelease(
          listen(createServer((request, response) => void receive(request, response, bodies, kind))),
          (it) =>
            Effect.callback<void>((resume) => {
              it.close(() => resume(Effect.void))
              it.closeAllConnections()
            })
        )
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        const received = () => bodies.flatMap((body) => decode(body).resourceSpans)
        return Collector.of({
          url: `http://127.0.0.1:${port}`,
          bodies,
          resource: () => valuesOf(received()[0]?.resource.attributes ?? []),
          spans: () => received().flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
        })
      })
    )
}

const listen = (server: Server) =>
  Effect.callback<Server>((resume) => {
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  })

const receive = async (
  request: IncomingMessage,
  response: ServerResponse,
  bodies: Array<string>,
  kind: "answers" | "silent"
) => {
  let body = ""
  for await (const chunk of request) body += String(chunk)
  if (request.url !== "/v1/traces" || request.headers["content-type"] !== "application/json") {
    response.writeHead(404).end()
    return
  }
  bodies.push(body)
  if (kind === "answers") response.end("{}")
}
