import { Effect, Schedule } from "effect"
import { Workers } from "../../services/Workers.ts"
import { logFailure } from "../job/persist.ts"
import { announce } from "./stayAlive.ts"

/** Milliseconds between two attempts while Redis is away. */
const tryAgainAfter = 500

/**
 * Makes this worker known to the others, which look for left payloads only in the lists of workers that they know of. So this comes
 * before the first take, and waits for a Redis that is away, busy or out of memory. Where the ACL forbids it, jobs are taken all the same.
 */
export const enlist = Effect.gen(function* () {
  const workers = yield* Workers
  yield* workers.setAside
  yield* announce
}).pipe(
  Effect.tapError((error) => logFailure(error, tryAgainAfter)),
  Effect.retry({ schedule: Schedule.spaced(tryAgainAfter), while: (error) => error.reason !== "Denied" }),
  Effect.ignore
)
