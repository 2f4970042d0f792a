import { Clock, Effect, Option } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import type { Secret } from "../services/Config.ts"
import { problem } from "./responses.ts"
import { Sessions, sessionSeconds } from "./Sessions.ts"
import { WrongTokens } from "./WrongTokens.ts"

/** Its cookie is hidden from scripts, and not sent along from other sites. */
const cookieName = "csb_session"

/** Whether the request shows that it may see the dashboard; if not, why, in a sentence and as an answer. */
type Standing =
  | { readonly admitted: true; readonly by: "token" | "session" }
  | { readonly admitted: false; readonly why: string; readonly refusal: HttpServerResponse.HttpServerResponse }

const refuse = (status: number, why: string, headers: Readonly<Record<string, string>>): Standing => ({
  admitted: false,
  why,
  refusal: problem(status, why, headers)
})
const unauthorized = (why: string) => refuse(401, why, { "www-authenticate": 'Bearer realm="worker-service-aws"' })

/**
 * Whether the page itself sent this request. Browsers say so where they trust the connection
 * (https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header), and elsewhere send the origin. A form sends none, as the page sends no referrer.
 */
const isFromPage = ({ headers }: HttpServerRequest.HttpServerRequest) => {
  const site = headers["sec-fetch-site"]
  if (site !== undefined) return site === "same-origin"
  const { host, origin } = headers
  return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`)
}

/** Who may see the dashboard: whoever presents the token, as a script does with each request, or has a session, as a browser does. */
export const makeAccess = (token: Secret) => {
  // A token that is replaced ends the sessions that it began.
  const sessions = Effect.map(token, (now) => new Sessions(now))
  const wrong = new WrongTokens()

  const present = Effect.fnUntraced(function* (
    attempt: string
  ): Effect.fn.Return<Standing, never, HttpServerRequest.HttpServerRequest> {
    const { remoteAddress } = yield* HttpServerRequest.HttpServerRequest
    const address = Option.getOrElse(remoteAddress, () => "")
    const now = yield* Clock.currentTimeMillis
    const wait = wrong.wait(address, now)
    // Not even the right token is let in now, or guessing would go on all the same.
    if (wait > 0) {
      const seconds = String(Math.ceil(wait / 1_000))
      return refuse(429, `Too many wrong tokens from your address. Try again in ${seconds} seconds.`, {
        "retry-after": seconds
      })
    }
    if ((yield* sessions).isToken(attempt)) return { admitted: true, by: "token" }
    wrong.count(address, now)
    yield* Effect.logWarning(`the dashboard was asked for with a wrong token from ${address}`)
    return unauthorized("That is not the token in HTTP_ADMIN_TOKEN.")
  })

  const standing = Effect.gen(function* (): Effect.fn.Return<Standing, never, HttpServerRequest.HttpServerRequest> {
    const { cookies, headers } = yield* HttpServerRequest.HttpServerRequest
    const bearer = /^Bearer +(\S+) *$/i.exec(headers["authorization"] ?? "")?.[1]
    if (bearer !== undefined) return yield* present(bearer)
    const session = cookies[cookieName]
    if (session !== undefined && (yield* sessions).isValid(session, yield* Clock.currentTimeMillis)) {
      return { admitted: true, by: "session" }
    }
    return unauthorized("Sign in first.")
  })

  /** Over plain http, as inside a cluster, browsers would not keep a cookie that is `Secure`. */
  const cookieOptions = Effect.map(HttpServerRequest.HttpServerRequest, ({ headers }) => ({
    httpOnly: true,
    path: "/",
    sameSite: "strict" as const,
    secure: /^https\b/i.test(headers["x-forwarded-proto"] ?? "")
  }))

  return {
    present,
    standing,

    /** For those who may look. */
    reading: <E, R>(answer: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
      Effect.flatMap(standing, (it) => (it.admitted ? answer : Effect.succeed(it.refusal))),

    /** For those who may change something, which no other site can make a browser do. */
    changing: <E, R>(answer: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
      Effect.gen(function* () {
        const it = yield* standing
        if (!it.admitted) return it.refusal
        const request = yield* HttpServerRequest.HttpServerRequest
        if (it.by === "session" && !isFromPage(request))
          return problem(403, "This has to come from the dashboard itself.")
        if (!/^application\/json\b/i.test(request.headers["content-type"] ?? "")) {
          return problem(415, "This takes application/json.")
        }
        return yield* answer
      }),

    startSession: (response: HttpServerResponse.HttpServerResponse) =>
      Effect.gen(function* () {
        const session = (yield* sessions).issue(yield* Clock.currentTimeMillis)
        const options = { ...(yield* cookieOptions), maxAge: `${sessionSeconds} seconds` as const }
        return HttpServerResponse.setCookieUnsafe(response, cookieName, session, options)
      }),

    endSession: (response: HttpServerResponse.HttpServerResponse) =>
      Effect.map(cookieOptions, (options) => HttpServerResponse.expireCookieUnsafe(response, cookieName, options))
  }
}

export type Access = ReturnType<typeof makeAccess>
