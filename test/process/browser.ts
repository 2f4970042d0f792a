import { existsSync } from "node:fs"
import { Effect } from "effect"
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core"

/** Where Debian and others put it. */
export const chromiumPath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) =>
  existsSync(path)
)

export const launchBrowser = Effect.acquireRelease(
  Effect.promise(() =>
    chromium.launch({ ...(chromiumPath !== undefined && { executablePath: chromiumPath }), args: ["--no-sandbox"] })
  ),
  (browser) => Effect.promise(() => browser.close())
)

export interface Visit {
  readonly page: Page
  /** What the page complained about, and what it asked of others than `origin`. */
  readonly faults: () => ReadonlyArray<string>
}

/** A page with a memory of its own. Told to forgive nothing. */
export const visit = Effect.fnUntraced(function* (
  browser: Browser,
  origin: string,
  options: BrowserContextOptions = {}
) {
  const context = yield* Effect.acquireRelease(
    Effect.promise(() => browser.newContext({ baseURL: origin, ...options })),
    (it) => Effect.promise(() => it.close())
  )
  const page = yield* Effect.promise(() => context.newPage())
  page.setDefaultTimeout(10_000)
  const faults: Array<string> = []
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) faults.push(`console: ${message.text()}`)
  })
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`))
  page.on("request", (request) => {
    if (!request.url().startsWith(`${origin}/`)) faults.push(`request: ${request.url()}`)
  })
  return { page, faults: () => faults } satisfies Visit
})
