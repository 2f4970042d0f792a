import { readFile } from "node:fs/promises"
import { Effect, Schema } from "effect"
import { parse } from "yaml"

const Strings = Schema.Array(Schema.String)
const Variables = Schema.Record(Schema.String, Schema.String)

const ComposeFile = Schema.Struct({
  services: Schema.Record(
    Schema.String,
    Schema.Struct({
      image: Schema.String,
      pull_policy: Schema.optionalKey(Schema.String),
      build: Schema.optionalKey(Schema.Struct({ context: Schema.String, target: Schema.optionalKey(Schema.String) })),
      command: Schema.optionalKey(Strings),
      entrypoint: Schema.optionalKey(Strings),
      environment: Schema.optionalKey(Variables),
      healthcheck: Schema.optionalKey(Schema.Struct({ test: Schema.optionalKey(Strings) })),
      secrets: Schema.optionalKey(Strings),
      volumes: Schema.optionalKey(Strings),
      deploy: Schema.optionalKey(Schema.Struct({ replicas: Schema.Int })),
      stop_grace_period: Schema.optionalKey(Schema.String),
      read_only: Schema.optionalKey(Schema.Boolean),
      cap_drop: Schema.optionalKey(Strings),
      security_opt: Schema.optionalKey(Strings),
      depends_on: Schema.optionalKey(Schema.Record(Schema.String, Schema.Struct({ condition: Schema.String })))
    })
  ),
  secrets: Schema.Record(Schema.String, Schema.Struct({ file: Schema.String }))
})

export const composePath = "deploy/compose.yaml"

/** What the tests look at in it, with its keys merged. */
export const composeFile = Effect.promise(() => readFile(composePath, "utf8")).pipe(
  Effect.map((text): unknown => parse(text, { merge: true })),
  Effect.flatMap(Schema.decodeUnknownEffect(ComposeFile))
)
