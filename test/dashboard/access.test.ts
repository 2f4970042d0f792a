import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { ask, bearer, browser, served, token } from "./served.ts"

const dashboard = served()

const paths = ["/", "/api/overview", "/api/requests?search=alice", "/api/dead-letters"] as const

/** What a browser keeps of an answer. */
const cookieOf = ({ headers }: { readonly headers: Readonly<Record<string, string>> }) => {
  const cookie = headers["set-cookie"] ?? ""
  return { cookie, pair: cookie.split(";")[0] ?? "" }
}

const signIn = (headers: Readonly<Record<string, string>> = {}) =>
  ask("POST", "/session", { form: { token }, headers: { ...browser, ...headers } })

describe("access to the dashboard", () => {
  it.effect.each([...paths, "/assets/app.js", "/session"])("%s is not there without HTTP_ADMIN_TOKEN", (path) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* ask("GET", path, { headers: bearer(token) })).status, 404)
      assert.strictEqual((yield* ask("POST", "/session", { form: { token: "" } })).status, 404)
    }).pipe(Effect.provide(served(Option.none())))
  )

  it.effect.each(paths)("%s is for those who know the token", (path) =>
    Effect.gen(function* () {
      const refused = yield* ask("GET", path)
      assert.strictEqual(refused.status, 401)
      assert.match(refused.headers["www-authenticate"] ?? "", /^Bearer /)
      assert.include(refused.body, "Sign in first")
      for (const wrong of ["open", `${token}!`, "x".repeat(5_000)]) {
        assert.strictEqual((yield* ask("GET", path, { headers: bearer(wrong) })).status, 401)
      }
      assert.strictEqual((yield* ask("GET", path, { headers: bearer("open sesame") })).status, 401, "a blank ends it")
    }).pipe(Effect.provide(dashboard))
  )

  it.effect("a script's token opens the page and its data", () =>
    Effect.gen(function* () {
      for (const path of paths) {
        assert.strictEqual((yield* ask("GET", path, { headers: bearer("s3same") })).status, 200, path)
      }
    }).pipe(Effect.provide(served(Option.some("s3same"))))
  )

  it.effect("a browser gets the form, a cookie for the token, and the page for the cookie", () =>
    Effect.gen(function* () {
      const form = yield* ask("GET", "/", { headers: browser })
      assert.strictEqual(form.status, 401)
      assert.include(form.body, "sign in")
      const wrong = yield* ask("POST", "/session", { form: { token: "sesame" }, headers: browser })
      assert.strictEqual(wrong.status, 401)
      assert.include(wrong.body, "sign in That is not the token")
      assert.isUndefined(wrong.headers["set-cookie"])

      const signedIn = yield* signIn()
      assert.strictEqual(signedIn.status, 303)
      assert.strictEqual(signedIn.headers["location"], "/")
      const { cookie, pair } = cookieOf(signedIn)
      for (const part of ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"]) assert.include(cookie, part)
      assert.notInclude(cookie, "Secure")
      assert.notInclude(cookie, "sesame")
      for (const path of paths) {
        assert.strictEqual((yield* ask("GET", path, { headers: { cookie: pair } })).status, 200, path)
      }
      assert.include((yield* ask("GET", "/", { headers: { cookie: pair } })).body, "index.html")
    }).pipe(Effect.provide(dashboard))
  )

  it.effect("behind TLS the cookie is for TLS only", () =>
    Effect.gen(function* () {
      assert.include(cookieOf(yield* signIn({ "x-forwarded-proto": "https" })).cookie, "Secure")
    }).pipe(Effect.provide(dashboard))
  )

  it.effect(
    "a session ends after twelve hours, cannot be made longer, and means nothing where the token is another",
    () =>
      Effect.gen(function* () {
        const { pair } = cookieOf(yield* signIn())
        const [name = "", session = ""] = pair.split("=")
        const [end = "", signature = ""] = session.split(".")
        const later = (Number.parseInt(end, 36) + 1).toString(36)
        const statusOf = (value: string) =>
          Effect.map(ask("GET", "/api/overview", { headers: { cookie: `${name}=${value}` } }), ({ status }) => status)
        assert.strictEqual(yield* statusOf(session), 200)
        for (const forged of [`${later}.${signature}`, `${end}.`, end, "", ".", `${end}.${signature}x`.slice(1)]) {
          assert.strictEqual(yield* statusOf(forged), 401, forged)
        }
        yield* TestClock.adjust("11 hours")
        assert.strictEqual(yield* statusOf(session), 200)
        yield* TestClock.adjust("2 hours")
        assert.strictEqual(yield* statusOf(session), 401)
        const elsewhere = yield* Effect.provide(
          ask("GET", "/api/overview", { headers: { cookie: pair } }),
          Layer.fresh(served(Option.some("another")))
        )
        assert.strictEqual(elsewhere.status, 401)
      }).pipe(Effect.provide(dashboard))
  )

  it.effect("after ten wrong tokens not even the right one is looked at for a minute; sessions go on", () =>
    Effect.gen(function* () {
      const { pair } = cookieOf(yield* signIn())
      for (let attempt = 0; attempt < 10; attempt++) {
        assert.strictEqual((yield* ask("GET", "/", { headers: bearer(`guess-${attempt}`) })).status, 401)
      }
      const refused = yield* signIn()
      assert.strictEqual(refused.status, 429)
      assert.strictEqual(refused.headers["retry-after"], "60")
      assert.include(refused.body, "Try again in 60 seconds")
      assert.strictEqual((yield* ask("GET", "/", { headers: { cookie: pair } })).status, 200)
      yield* TestClock.adjust("61 seconds")
      assert.strictEqual((yield* signIn()).status, 303)
    }).pipe(Effect.provide(dashboard))
  )

  const replay = "/api/dead-letters/0123456789ab/replay"
  const words = { by: "Ann", why: "mended" }

  it.effect.each([
    [{}, 403],
    [{ "sec-fetch-site": "cross-site" }, 403],
    [{ "sec-fetch-site": "same-site" }, 403],
    [{ "sec-fetch-site": "none" }, 403],
    [{ "sec-fetch-site": "same-origin" }, 404],
    [{ origin: "http://evil.example" }, 403],
    [{ origin: "null" }, 403],
    [{ origin: "http://dash.example", host: "dash.example" }, 404],
    [{ origin: "http://dash.example", host: "dash.example", "sec-fetch-site": "cross-site" }, 403]
  ] as const)("a session's change with the headers %o is answered with %s", ([headers, status]) =>
    Effect.gen(function* () {
      const { pair } = cookieOf(yield* signIn())
      const answer = yield* ask("POST", replay, { json: words, headers: { ...headers, cookie: pair } })
      assert.strictEqual(answer.status, status)
    }).pipe(Effect.provide(dashboard))
  )

  it.effect("a change has to be JSON, which no form can send", () =>
    Effect.gen(function* () {
      const headers = { cookie: cookieOf(yield* signIn()).pair, "sec-fetch-site": "same-origin" }
      assert.strictEqual((yield* ask("POST", replay, { form: words, headers })).status, 415)
      assert.strictEqual((yield* ask("POST", replay, { headers })).status, 415)
    }).pipe(Effect.provide(dashboard))
  )

  it.effect("signing out takes the cookie away", () =>
    Effect.gen(function* () {
      const { pair } = cookieOf(yield* signIn())
      assert.strictEqual((yield* ask("DELETE", "/session", { json: {}, headers: { cookie: pair } })).status, 403)
      const answer = yield* ask("DELETE", "/session", {
        json: {},
        headers: { cookie: pair, "sec-fetch-site": "same-origin" }
      })
      assert.strictEqual(answer.status, 204)
      assert.match(answer.headers["set-cookie"] ?? "", /^csb_session=;.*Max-Age=0/)
    }).pipe(Effect.provide(dashboard))
  )
})

describe("what the dashboard tells a browser", () => {
  it.effect.each([...paths, "/assets/app.js", "/assets/nothing.js", "/session"])(
    "%s brings nothing along and is shown nowhere else",
    (path) =>
      Effect.gen(function* () {
        for (const headers of [{}, bearer("s3same")]) {
          const answer = yield* ask("GET", path, { headers })
          const policy = answer.headers["content-security-policy"] ?? ""
          for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]) {
            assert.include(policy, part)
          }
          assert.notInclude(policy, "unsafe")
          assert.strictEqual(answer.headers["x-content-type-options"], "nosniff")
          assert.strictEqual(answer.headers["referrer-policy"], "no-referrer")
          assert.strictEqual(answer.headers["cache-control"], path === "/assets/app.js" ? "no-cache" : "no-store")
        }
      }).pipe(Effect.provide(served(Option.some("s3same"))))
  )

  it.effect("its files are sent again only when they are others", () =>
    Effect.gen(function* () {
      const first = yield* ask("GET", "/assets/app.js")
      assert.deepStrictEqual([first.status, first.body], [200, "app.js"])
      const again = yield* ask("GET", "/assets/app.js", { headers: { "if-none-match": first.headers["etag"] ?? "" } })
      assert.deepStrictEqual([again.status, again.body], [304, ""])
      assert.strictEqual((yield* ask("GET", "/assets/index.html")).status, 404)
      assert.strictEqual((yield* ask("GET", "/assets/..%2f..%2fpackage.json")).status, 404)
    }).pipe(Effect.provide(dashboard))
  )
})
