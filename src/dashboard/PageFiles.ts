import { createHash } from "node:crypto"
import { fileURLToPath } from "node:url"
import { Cache, Context, Duration, Effect, Exit, FileSystem, Layer } from "effect"
import type { PlatformError } from "effect/PlatformError"

const contentTypes = {
  "index.html": "text/html; charset=utf-8",
  "sign-in.html": "text/html; charset=utf-8",
  "app.js": "text/javascript; charset=utf-8",
  "sign-in.js": "text/javascript; charset=utf-8",
  "styles.css": "text/css; charset=utf-8",
  "icon.svg": "image/svg+xml"
} as const
export type PageFileName = keyof typeof contentTypes

export const isPageFileName = (name: string): name is PageFileName => Object.hasOwn(contentTypes, name)

export interface PageFile {
  readonly body: Uint8Array
  readonly contentType: string
  /** A hash of the body's bytes, in quotes. */
  readonly etag: string
}

/** The page, as the build leaves it beside the program. */
export class PageFiles extends Context.Service<
  PageFiles,
  { readonly read: (name: PageFileName) => Effect.Effect<PageFile, PlatformError> }
>()("worker-service-aws/dashboard/PageFiles") {}

/** Read into memory once somebody has looked. */
export const PageFilesLive = Layer.effect(
  PageFiles,
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const folder = fileURLToPath(new URL("./dashboard", import.meta.url))
    const read = Effect.fnUntraced(function* (name: PageFileName) {
      const body = yield* files.readFile(`${folder}/${name}`)
      const etag = `"${createHash("sha256").update(body).digest("base64url")}"`
      return { body, contentType: contentTypes[name], etag }
    })
    const known = yield* Cache.makeWith(read, {
      capacity: Object.keys(contentTypes).length,
      timeToLive: (exit) => (Exit.isSuccess(exit) ? Duration.infinity : Duration.zero)
    })
    return PageFiles.of({ read: (name) => Cache.get(known, name) })
  })
)
