import { Duration, Effect, Layer } from "effect"
import { monotonicMillis } from "../domain/monotonicMillis.ts"
import { maxLosses, NotNow } from "../domain/Settlement.ts"
import { AwsConfig, WorkerConfig } from "../services/Config.ts"
import { type Claim, JobStore } from "../services/JobStore.ts"
import { Leases } from "../services/Leases.ts"

interface Held {
  readonly claim: Claim
  /** Milliseconds of the monotonic clock, since the wall clock may be set. */
  until: number
}

/** One more lost worker, and it fails. */
const isSuspect = (claim: Claim) => claim.losses >= maxLosses - 1

/** `Leases` over the `JobStore`, whose own clock decides when a lease is over; elapsed time is the same on both. */
export const LeasesLive = Layer.effect(
  Leases,
  Effect.gen(function* () {
    const store = yield* JobStore
    const lease = Duration.toMillis((yield* WorkerConfig).lease)
    const { callTimeout } = yield* AwsConfig
    // A call that begins now must have ended before the lease does, and the role may have to be assumed first.
    const margin = Math.min(2 * Duration.toMillis(callTimeout), lease / 2)
    const held = new Map<bigint, Held>()

    return Leases.of({
      during: (claim, since, work) =>
        Effect.acquireUseRelease(
          Effect.sync(() => held.set(claim.token, { claim, until: since + lease })),
          () => work,
          () => Effect.sync(() => held.delete(claim.token))
        ),

      allow: Effect.fnUntraced(function* (claim) {
        const until = held.get(claim.token)?.until ?? Number.NEGATIVE_INFINITY
        if ((yield* monotonicMillis) + margin > until) {
          return yield* new NotNow({ code: "LeaseOver", message: "the request may be another worker's by now" })
        }
        // If one of them kills its worker, that must not be the others' last loss, too.
        if (!isSuspect(claim)) return
        const first = Array.from(held.values()).find((it) => isSuspect(it.claim))
        if (first?.claim.token !== claim.token) {
          return yield* new NotNow({ code: "OneAtATime", message: "it has lost workers, and so has another job here" })
        }
      }),

      renew: Effect.gen(function* () {
        const now = yield* monotonicMillis
        const claims = Array.from(held.values(), ({ claim }) => claim)
        if (claims.length === 0) return
        const ours = new Set(yield* store.heartbeat(claims))
        for (const { token } of claims) {
          const entry = held.get(token)
          if (entry !== undefined) entry.until = ours.has(token) ? now + lease : Number.NEGATIVE_INFINITY
        }
      })
    })
  })
)
