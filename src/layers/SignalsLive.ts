import { constants } from "node:os"
import { Duration, Effect, Layer } from "effect"
import { WorkerConfig } from "../services/Config.ts"

const signals = ["SIGTERM", "SIGINT"] as const

/** Milliseconds; with no grace at all nothing could be given back. */
const leastGrace = 2_000

/** Milliseconds. A timer that is set to wait longer does not wait at all. https://nodejs.org/api/timers.html#settimeoutcallback-delay-args */
const longestTimer = 2 ** 31 - 1

/**
 * The first signal, on which `runMain` interrupts the program, is an ordinary end: status 0. A second one ends the process
 * at once, and so does the end of the grace, should something that cannot be interrupted still hang.
 */
export const SignalsLive = Layer.effectDiscard(
  Effect.gen(function* () {
    const { shutdownGrace } = yield* WorkerConfig
    let draining = false
    const onSignal = (signal: (typeof signals)[number]) => {
      if (draining) process.exit(128 + constants.signals[signal])
      draining = true
      process.exitCode = 0
      setTimeout(
        () => {
          process.stderr.write(
            "the drain did not end within its grace; what was not given back waits for another worker\n"
          )
          process.exit(0)
        },
        Math.min(Math.max(Duration.toMillis(shutdownGrace), leastGrace), longestTimer)
      ).unref()
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => signals.forEach((signal) => process.on(signal, onSignal))),
      () => Effect.sync(() => signals.forEach((signal) => process.off(signal, onSignal)))
    )
  })
)
