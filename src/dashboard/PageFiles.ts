import { createHash } from "node:crypto"
import { fileURLToPath } from "node:url"
import { Context, Effect, FileSystem, Layer } from "effect"
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
  /** Of the body's bytes, in quotes. */
  readonly etag: string
}

/** The page, as the build leaves it beside the program. */
export class PageFiles extends Context.Service<
  PageFiles,
  { readonly read: (name: PageFileName) => Effect.Effect<PageFile, PlatformError> }
>()("worker-service-aws/layers/http/dashboard/PageFiles") {}

/** In memory, once somebody has looked. */
export const PageFilesLive = Layer.effect(
  PageFiles,
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const folder = fileURLToPath(new URL("./dashboard", import.meta.url))
    const known = new Map<PageFileName, PageFile>()
    return PageFiles.of({
      read: Effect.fnUntraced(function* (name) {
        const before = known.get(name)
        if (before !== undefined) return before
        const body = yield* files.readFile(`${folder}/${name}`)
        const etag = `"${createHash("sha256").update(body).digest("base64url")}"`
        const file = { body, contentType: contentTypes[name], etag }
        known.set(name, file)
        return file
      })
    })
  })
)
