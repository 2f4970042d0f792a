import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { isSqlError } from "effect/sql/SqlError"
import { reasonOf } from "../domain/reasonOf.ts"

/**
 * Nothing but the page's own files, which hold no script or style of anybody else.
 * https://developer.mozilla.org/en-US/docs/Web/HTTP/Guides/CSP
 */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'"
].join("; ")

/** What every answer of the dashboard says to a browser. Only its files may be kept, and are asked for again each time. */
export const secured = <E, R>(answer: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
  Effect.map(answer, (response) =>
    HttpServerResponse.setHeaders(response, {
      "cache-control": "no-store",
      ...response.headers,
      "content-security-policy": policy,
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff"
    })
  )

/** A refusal, with a sentence for people. */
export const problem = (status: number, text: string, headers: Readonly<Record<string, string>> = {}) =>
  HttpServerResponse.jsonUnsafe({ problem: text }, { status, headers })

/** What an error says to people. */
export const sentenceOf = (error: { readonly message: string }): string =>
  isSqlError(error) ? reasonOf(error) : error.message
