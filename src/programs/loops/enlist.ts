import { Effect, Schedule } from "effect"
import { Workers } from "../../services/Workers.ts"
import { logFailure } from "../job/persist.ts"
import { announce } from "./stayAlive.ts"

/** Milliseconds between two tries while Redis is away. */
const tryAgainAfter = 500

/**
 * Makes this worker known to the others, who look for payloads only in the hands of workers that they know of: so this comes before
 * the first take, and waits for a Redis that is away, busy or out of memory. Where the ACL forbids it, jobs are taken all the same.
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
