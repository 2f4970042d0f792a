import { Cause, Console, Effect, Logger, Option } from "effect"
import { isSqlError } from "effect/sql/SqlError"
import { reasonOf } from "../domain/reasonOf.ts"
import { jsonLogger } from "../layers/LoggerLive.ts"
import { RedisError } from "../services/Redis.ts"
import { plain } from "./render/text.ts"

/** Says on stderr why a command failed, in a line for people. */
export const reportToPerson = <A, E extends { readonly message: string }, R>(command: Effect.Effect<A, E, R>) =>
  Effect.tapCause(command, (cause) =>
    Cause.hasInterruptsOnly(cause) ? Effect.void : Console.error(`error: ${summary(cause)}`)
  )

/** Says on stdout why the worker could not start, or why it broke, as a log line, which is where an operator looks. */
export const reportToLog = <A, E extends { readonly message: string; readonly _tag: string }, R>(
  command: Effect.Effect<A, E, R>
) =>
  Effect.tapCause(command, (cause) =>
    Cause.hasInterruptsOnly(cause)
      ? Effect.void
      : Effect.logFatal(summary(cause)).pipe(
          Effect.annotateLogs(
            "error_type",
            Option.getOrElse(
              Option.map(Cause.findErrorOption(cause), (error) => error._tag),
              () => "Defect"
            )
          ),
          Effect.provide(Logger.layer([Logger.withConsoleLog(jsonLogger({}))]))
        )
  )

const summary = (cause: Cause.Cause<{ readonly message: string }>): string =>
  Option.match(Cause.findErrorOption(cause), {
    onNone: () => Cause.pretty(cause),
    onSome: (error) => plain(wordsOf(error))
  })

const wordsOf = (error: { readonly message: string }): string => {
  if (isSqlError(error)) return reasonOf(error)
  if (!(error instanceof RedisError)) return error.message
  return error.reason === "Denied"
    ? `${error.message}. Grant ${error.command} to the Redis user, or use one that has it: REDIS_USERNAME`
    : `Redis, asked for ${error.command}: ${error.message}`
}
