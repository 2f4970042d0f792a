import { Array, Config, Duration, Effect, type FileSystem, Option, Record, Schema, SchemaTransformation } from "effect"
import { ConfigInvalid } from "../../services/Config.ts"

/** Reads a part of the environment, and the files that it names. */
export type Reader<A> = Effect.Effect<A, ConfigInvalid, FileSystem.FileSystem>

export const fault = (line: string) => new ConfigInvalid({ faults: [line] })

/** Reads all parts, and when some are bad, fails with the faults of all of them. */
export function readAll<Parts extends Readonly<Record<string, Reader<unknown>>>>(
  parts: Parts
): Reader<{ readonly [Name in keyof Parts]: Effect.Success<Parts[Name]> }>
export function readAll(parts: Readonly<Record<string, Reader<unknown>>>): Reader<Readonly<Record<string, unknown>>> {
  return Effect.flatMap(Effect.all(parts, { mode: "result" }), (results) => {
    const faults = Array.dedupe(Array.getFailures(Object.values(results)).flatMap((failure) => failure.faults))
    return Array.isArrayNonEmpty(faults)
      ? Effect.fail(new ConfigInvalid({ faults }))
      : Effect.succeed(Record.getSuccesses(results))
  })
}

/** The text of a variable as it is; the provider has to keep empty ones. */
export const raw = (name: string): Reader<Option.Option<string>> =>
  Effect.mapError(Config.option(Config.String(name)), ({ cause }) => fault(`${name}: ${cause.message}`))

/** A variable that may be missing; empty counts as missing. The fault says what is expected, never the value. */
export const optional = <A>(name: string, schema: Schema.ConstraintCodec<A, unknown>): Reader<Option.Option<A>> =>
  Effect.flatMap(raw(name), (text) =>
    Option.isNone(text) || text.value === ""
      ? Effect.succeedNone
      : Effect.mapBoth(Config.schema(schema, name), {
          onSuccess: Option.some,
          onFailure: ({ cause }) => fault(`${name}: ${lowerFirst(cause.message.split("\n")[0] ?? "malformed")}`)
        })
  )

export const withDefault = <A>(name: string, schema: Schema.ConstraintCodec<A, unknown>, value: A): Reader<A> =>
  Effect.map(
    optional(name, schema),
    Option.getOrElse(() => value)
  )

export const required = <A>(name: string, schema: Schema.ConstraintCodec<A, unknown>): Reader<A> =>
  orMissing(name, optional(name, schema))

export const orMissing = <A>(name: string, reader: Reader<Option.Option<A>>): Reader<A> =>
  Effect.flatMap(reader, Option.match({ onNone: () => Effect.fail(fault(`${name}: missing`)), onSome: Effect.succeed }))

export const integer = (minimum: number, maximum = Number.MAX_SAFE_INTEGER) =>
  Schema.Int.check(Schema.isBetween({ minimum, maximum }, { expected: `an integer from ${minimum} to ${maximum}` }))

/** PostgreSQL can still represent a time that long ago, and even one ten times as long ago. */
const longest = Duration.days(366)

/** Such as `10 seconds` or `250 millis`. */
export const duration = (minimum = Duration.zero) =>
  Schema.DurationFromString.check(
    Schema.makeFilter((value) => Duration.between(value, { minimum, maximum: longest }), {
      expected: `a duration from ${Duration.format(minimum)} to ${Duration.format(longest)}`
    })
  )

export const text = (pattern: RegExp, expected: string) => Schema.String.check(Schema.isPattern(pattern, { expected }))

export const name = text(/^\S+$/, "a name without blanks")
export const port = integer(1, 65_535)

/** One of these words, in any letter case: Python writes `True` and `WARNING`. */
export const anyCase = <const Words extends ReadonlyArray<string>>(words: Words) =>
  Schema.String.pipe(
    Schema.decode(
      SchemaTransformation.transform({ decode: (text: string) => text.toLowerCase(), encode: (text: string) => text })
    ),
    Schema.decodeTo(Schema.Literals(words))
  )

export const flag = anyCase(["true", "false", "1", "0", "yes", "no", "on", "off"]).pipe(
  Schema.decodeTo(
    Schema.Boolean,
    SchemaTransformation.transform({
      decode: (word) => ["true", "1", "yes", "on"].includes(word),
      encode: (value): "true" | "false" => (value ? "true" : "false")
    })
  )
)

/** A list, separated by commas. */
export const list = (pattern: RegExp, expected: string) =>
  text(
    new RegExp(`^\\s*(?:${pattern.source})\\s*(?:,\\s*(?:${pattern.source})\\s*)*$`),
    `${expected}, separated by commas`
  )

const lowerFirst = (sentence: string) => sentence.charAt(0).toLowerCase() + sentence.slice(1)
