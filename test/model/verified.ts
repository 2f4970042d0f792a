import { Clock, Effect, Layer, Option } from "effect"
import { propagation } from "../../src/domain/Access.ts"
import { AccountSharesLive } from "../../src/layers/AccountSharesLive.ts"
import { verify } from "../../src/programs/verify/verify.ts"
import type { VerifyEvent } from "../../src/programs/verify/VerifyEvent.ts"
import { testAwsConfig, testWorkerConfig } from "../fixture.ts"
import { makeProcess } from "./process.ts"

/** `verify` finds nothing where nobody but workers changed IAM: what it says all the same, as soon as it judges what was done last. */
export const verified = Effect.fnUntraced(
  function* (clock: Clock.Clock) {
    const found: Array<string> = []
    const tell = (event: VerifyEvent) =>
      Effect.sync(() => {
        if (event._tag === "Found") {
          const { attachment, kind } = event.discrepancy
          found.push(`verify: ${attachment.principal} is ${kind}`)
        }
        if (event._tag === "TrailRead" && Option.isSome(event.trail.broken)) {
          found.push(`verify: ${event.trail.correlationId}: ${event.trail.broken.value.why}`)
        }
      })
    const all = { account: Option.none(), after: Option.none() }
    const { clock: later, skew } = makeProcess("verify", clock)
    skew(propagation)
    yield* verify(all, false, () => Effect.succeed(null), tell).pipe(
      Effect.catchTag("NotAsRecorded", () => Effect.void),
      // Nothing else has to go on while it waits.
      Effect.provideService(Clock.Clock, { ...later, sleep: () => Effect.void })
    )
    return found
  },
  Effect.provide(AccountSharesLive.pipe(Layer.provideMerge(Layer.mergeAll(testAwsConfig(), testWorkerConfig()))))
)
