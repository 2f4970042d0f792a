import { Cause, Console, Effect, Layer, Logger, References } from "effect"
import { LogConfig, WorkerConfig } from "../services/Config.ts"

/** How long a line may wait for others, since each write costs as much as all the rest of logging it. */
const window = "50 millis"

/** One JSON object a line on stdout, or lines for people. */
export const LoggerLive = Layer.unwrap(
  Effect.gen(function* () {
    const { format, level } = yield* LogConfig
    const { workerId } = yield* WorkerConfig
    const json = Logger.batched(jsonLogger({ worker_id: workerId }), {
      window,
      flush: (lines) => Console.log(lines.join("\n"))
    })
    return Layer.mergeAll(
      Logger.layer([format === "pretty" ? Logger.consolePretty() : json]),
      Layer.succeed(References.MinimumLogLevel, level)
    )
  })
)

/**
 * `constant`: fields of every line. Annotations become fields under their own names; a cause becomes the error fields, unless they
 * are there already.
 */
export const jsonLogger = (constant: Readonly<Record<string, string>>): Logger.Logger<unknown, string> =>
  Logger.make(({ cause, date, fiber, logLevel, message }) =>
    JSON.stringify({
      timestamp: date.toISOString(),
      level: logLevel.toLowerCase(),
      message: Array.isArray(message) ? message.map(text).join(" ") : text(message),
      ...constant,
      ...(cause.reasons.length > 0 && { error_type: "Cause", error_message: Cause.pretty(cause) }),
      ...fiber.getRef(References.CurrentLogAnnotations)
    })
  )

const text = (part: unknown): string => (typeof part === "string" ? part : (JSON.stringify(part) ?? String(part)))
