import { Effect, FileSystem, Option, Redacted, Ref, Schema } from "effect"
import type { ConfigInvalid, Secret } from "../../services/Config.ts"
import { fault, optional, type Reader } from "./reader.ts"

/** The text of the file that a variable names. A fault names the path, never what is in it. */
const readText = (variable: string, path: string): Reader<string> =>
  Effect.flatMap(FileSystem.FileSystem, (files) => files.readFileString(path)).pipe(
    Effect.mapError((error) => fault(`${variable}: ${error.message}`))
  )

/** CA certificates in PEM, from the file that a variable names. */
export const caBundle = (variable: string): Reader<Option.Option<string>> =>
  Effect.flatMap(optional(variable, Schema.String), (path) =>
    Effect.transposeOption(
      Option.map(path, (it) =>
        Effect.filterOrFail(
          readText(variable, it),
          (pem) => pem.includes("-----BEGIN CERTIFICATE-----"),
          () => fault(`${variable}: ${it} has no PEM certificate`)
        )
      )
    )
  )

/** A secret from a variable, or from the file that the variable `<name>_FILE` names; one newline at its end is not part of it. */
export const secret = Effect.fnUntraced(function* (
  name: string
): Effect.fn.Return<Option.Option<Secret>, ConfigInvalid, FileSystem.FileSystem> {
  const variable = `${name}_FILE`
  const fixed = yield* optional(name, Schema.Redacted(Schema.String))
  const path = yield* optional(variable, Schema.String)
  if (Option.isNone(path)) return Option.map(fixed, Effect.succeed)
  if (Option.isSome(fixed)) return yield* fault(`${variable}: set, although ${name} is; unset one of the two`)

  const files = yield* FileSystem.FileSystem
  const read = readText(variable, path.value).pipe(
    Effect.provideService(FileSystem.FileSystem, files),
    Effect.map((text) => text.replace(/\r?\n$/, "")),
    Effect.filterOrFail(
      (text) => text !== "",
      () => fault(`${variable}: ${path.value} is empty`)
    ),
    Effect.map((text) => Redacted.make(text))
  )
  const last = yield* Effect.flatMap(read, Ref.make)
  return Option.some(
    read.pipe(
      Effect.tap((value) => Ref.set(last, value)),
      Effect.catch(() => Ref.get(last))
    )
  )
})
