import { execFile } from "node:child_process"
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { arch, platform, tmpdir } from "node:os"
import { join } from "node:path"
import { ASSET_FILE } from "@aws-cdk/asset-kubectl-v20"
import { Context, Effect, Layer, Schema } from "effect"
import { unzipSync } from "fflate"
import { parseAllDocuments } from "yaml"

export const chart = "deploy/helm/worker-service-aws"

export type Values = Readonly<Record<string, unknown>>

export const Manifest = Schema.StructWithRest(
  Schema.Struct({
    apiVersion: Schema.String,
    kind: Schema.String,
    metadata: Schema.StructWithRest(Schema.Struct({ name: Schema.String }), [
      Schema.Record(Schema.String, Schema.Unknown)
    ])
  }),
  [Schema.Record(Schema.String, Schema.Unknown)]
)

/** The one helm that npm has: in a package of AWS' for its Lambda layers, and so for Linux on x64. */
export const hasHelm = platform() === "linux" && arch() === "x64"

/** What helm wrote when it refused. */
export class HelmRefused extends Schema.TaggedError<HelmRefused>()("HelmRefused", { message: Schema.String }) {}

export class Helm extends Context.Service<
  Helm,
  {
    /** Runs `helm COMMAND … --values FILE`; its standard output. */
    readonly run: (values: Values, ...args: ReadonlyArray<string>) => Effect.Effect<string, HelmRefused>
    /** The manifests of a release `csb` of the chart, hooks included. */
    readonly render: (values: Values) => Effect.Effect<ReadonlyArray<typeof Manifest.Type>, HelmRefused>
  }
>()("test/deploy/Helm") {
  static readonly layer = Layer.effect(
    Helm,
    Effect.gen(function* () {
      const folder = yield* Effect.acquireRelease(
        Effect.promise(() => mkdtemp(join(tmpdir(), "worker-helm-"))),
        (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
      )
      const binary = join(folder, "helm")
      yield* Effect.promise(async () => {
        const files = unzipSync(await readFile(ASSET_FILE), { filter: ({ name }) => name === "helm/helm" })
        await writeFile(binary, files["helm/helm"] ?? "")
        await chmod(binary, 0o755)
      })
      const run = (values: Values, ...args: ReadonlyArray<string>) =>
        Effect.promise(async () => {
          const file = join(await mkdtemp(join(folder, "values-")), "values.yaml")
          await writeFile(file, JSON.stringify(values))
          return file
        }).pipe(
          Effect.flatMap((file) =>
            Effect.callback<string, HelmRefused>((resume) => {
              const env = { HOME: folder }
              execFile(binary, [...args, "--values", file], { env }, (error, stdout, stderr) =>
                resume(
                  error === null ? Effect.succeed(stdout) : Effect.fail(new HelmRefused({ message: stdout + stderr }))
                )
              )
            })
          )
        )
      const render = (values: Values) =>
        run(values, "template", "csb", chart, "--namespace", "csb", "--kube-version", "1.33.0").pipe(
          Effect.map((text) => parseAllDocuments(text).map((document): unknown => document.toJS())),
          Effect.flatMap((documents) => Effect.orDie(Schema.decodeUnknownEffect(Schema.Array(Manifest))(documents)))
        )
      return Helm.of({ render, run })
    })
  )
}
