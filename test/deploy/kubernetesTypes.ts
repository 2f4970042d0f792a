import { spawnSync } from "node:child_process"
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { Effect } from "effect"
import type { Manifest } from "./Helm.ts"

/** Whose types say what a resource may hold. */
const packageOf = (apiVersion: string) =>
  apiVersion.startsWith("keda.sh/")
    ? `@kubernetes-models/keda/${apiVersion}`
    : apiVersion.startsWith("monitoring.coreos.com/")
      ? `@kubernetes-models/prometheus-operator/${apiVersion}`
      : `kubernetes-models/${apiVersion}`

/**
 * What the compiler says when the manifests are taken for the resources that they claim to be: of missing and of unknown fields, and of
 * values of another type. Empty when all is well.
 */
export const typeFaults = (manifests: ReadonlyArray<typeof Manifest.Type>) =>
  Effect.acquireUseRelease(
    // Where packages are found from.
    Effect.promise(async () => {
      await mkdir("node_modules/.cache", { recursive: true })
      return mkdtemp("node_modules/.cache/manifests-")
    }),
    (folder) =>
      Effect.promise(async () => {
        const source = manifests.map(
          ({ apiVersion, kind, ...rest }, index) =>
            `import type { I${kind} as R${index} } from "${packageOf(apiVersion)}"\n` +
            `export const r${index}: R${index} = ${JSON.stringify({ apiVersion, kind, ...rest }, null, 2)}\n`
        )
        await writeFile(join(folder, "manifests.mts"), source.join("\n"))
        const { status, stderr, stdout } = spawnSync(
          process.execPath,
          [
            "node_modules/typescript/bin/tsc",
            "--ignoreConfig",
            "--noEmit",
            "--strict",
            "--skipLibCheck",
            "--module",
            "nodenext",
            "--types",
            "",
            join(folder, "manifests.mts")
          ],
          { encoding: "utf8" }
        )
        return status === 0 ? "" : stdout + stderr
      }),
    (folder) => Effect.promise(() => rm(folder, { recursive: true }))
  )
