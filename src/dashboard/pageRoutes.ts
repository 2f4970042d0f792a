import { ByteSize, Effect, Schema } from "effect"
import { HttpIncomingMessage, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import type { Access } from "./access.ts"
import { isPageFileName, type PageFileName, PageFiles } from "./PageFiles.ts"
import { problem, secured } from "./responses.ts"

const Token = Schema.Struct({ token: Schema.String })

/** Far more than a token takes. */
const formLimit = ByteSize.kibibytes(4)

/** Where the sign-in page says why the last try was refused. */
const placeOfProblem = "<!-- problem -->"

const accepts = ({ headers }: HttpServerRequest.HttpServerRequest, type: string) =>
  headers["accept"]?.includes(type) === true

/** The page itself, its files, which hold nothing secret, and signing in and out. */
export const pageRoutes = (access: Access) =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      const files = yield* PageFiles
      const notBuilt = Effect.succeed(problem(503, "The dashboard is not built. Run: npm run build"))

      const page = (name: PageFileName) =>
        Effect.map(files.read(name), ({ body, contentType }) => HttpServerResponse.uint8Array(body, { contentType }))

      /** The refusal, for people as a form. */
      const signInPage = (refusal: HttpServerResponse.HttpServerResponse, why: string) =>
        Effect.map(files.read("sign-in.html"), ({ body, contentType }) =>
          HttpServerResponse.text(Buffer.from(body).toString().replace(placeOfProblem, why), {
            status: refusal.status,
            headers: refusal.headers,
            contentType
          })
        )

      yield* router.add(
        "GET",
        "/",
        Effect.gen(function* () {
          const standing = yield* access.standing
          if (standing.admitted) return yield* page("index.html")
          const request = yield* HttpServerRequest.HttpServerRequest
          return accepts(request, "text/html") ? yield* signInPage(standing.refusal, "") : standing.refusal
        }).pipe(
          Effect.catchTag("PlatformError", () => notBuilt),
          secured
        )
      )

      yield* router.add(
        "GET",
        "/assets/:name",
        Effect.gen(function* () {
          const { name = "" } = yield* HttpRouter.params
          if (!isPageFileName(name) || name.endsWith(".html")) return problem(404, "There is no such file.")
          const { body, contentType, etag } = yield* files.read(name)
          const headers = { etag, "cache-control": "no-cache" }
          const { headers: asked } = yield* HttpServerRequest.HttpServerRequest
          return asked["if-none-match"] === etag
            ? HttpServerResponse.empty({ status: 304, headers })
            : HttpServerResponse.uint8Array(body, { headers, contentType })
        }).pipe(
          Effect.catchTag("PlatformError", () => notBuilt),
          secured
        )
      )

      yield* router.add(
        "POST",
        "/session",
        Effect.gen(function* () {
          const { token } = yield* HttpServerRequest.schemaBodyUrlParams(Token)
          const standing = yield* access.present(token)
          if (standing.admitted) {
            return yield* access.startSession(HttpServerResponse.redirect("/", { status: 303 }))
          }
          return yield* signInPage(standing.refusal, standing.why)
        }).pipe(
          Effect.provideService(HttpIncomingMessage.MaxBodySize, formLimit),
          Effect.catchTags({
            PlatformError: () => notBuilt,
            HttpServerError: () => Effect.succeed(problem(400, "This takes a form with a token.")),
            SchemaError: () => Effect.succeed(problem(400, "This takes a form with a token."))
          }),
          secured
        )
      )

      yield* router.add(
        "GET",
        "/session",
        secured(Effect.map(access.standing, ({ admitted }) => HttpServerResponse.jsonUnsafe({ signedIn: admitted })))
      )

      yield* router.add("DELETE", "/session", secured(access.changing(access.endSession(HttpServerResponse.empty()))))
    })
  )
