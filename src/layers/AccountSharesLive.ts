import { Effect, Layer, Semaphore } from "effect"
import { monotonicMillis } from "../domain/monotonicMillis.ts"
import { Share } from "../domain/Share.ts"
import { WorkerConfig } from "../services/Config.ts"
import { AccountShares } from "../services/AccountShares.ts"

/** From this many accounts on, those that were not used lately are forgotten whenever their number has doubled. */
const tidyFrom = 1_000

/** `AccountShares` in this process alone; replicas come to agree through what AWS answers to each. */
export const AccountSharesLive = Layer.effect(
  AccountShares,
  Effect.gen(function* () {
    const { accountConcurrency } = yield* WorkerConfig
    const accounts = new Map<string, { readonly share: Share; readonly turn: Semaphore.Semaphore }>()

    let tidyAt = tidyFrom
    const forgetIdle = (now: number) => {
      for (const [accountId, { share }] of accounts) if (share.isForgettable(now)) accounts.delete(accountId)
    }
    const accountOf = (accountId: string, now: number) => {
      const known = accounts.get(accountId)
      if (known !== undefined) return known
      if (accounts.size >= tidyAt) {
        forgetIdle(now)
        tidyAt = Math.max(tidyFrom, 2 * accounts.size)
      }
      const fresh = { share: new Share(accountConcurrency, now), turn: Semaphore.makeUnsafe(1) }
      accounts.set(accountId, fresh)
      return fresh
    }

    return AccountShares.of({
      enter: (accountId) =>
        Effect.map(monotonicMillis, (now) => {
          const { share } = accountOf(accountId, now)
          if (share.inFlight >= share.places) return false
          share.inFlight++
          return true
        }),

      leave: (accountId) =>
        Effect.map(monotonicMillis, (now) => {
          accountOf(accountId, now).share.inFlight--
        }),

      call: (accountId, call) =>
        Effect.flatMap(monotonicMillis, (asked) => {
          const { share, turn } = accountOf(accountId, asked)
          // One at a time, so that a pace that slows down meanwhile holds for all that wait.
          const waitForTurn = Semaphore.withPermit(
            turn,
            Effect.flatMap(monotonicMillis, (now) => Effect.sleep(share.takeTurn(now)))
          )
          const send = Effect.flatMap(monotonicMillis, (sentAt) =>
            call.pipe(
              Effect.tap(() => Effect.map(monotonicMillis, (now) => share.succeeded(now))),
              Effect.tapError((error) =>
                Effect.map(monotonicMillis, (now) => {
                  if (error._tag === "Throttling") share.wasThrottled(now, sentAt, error.retryAfter ?? 0)
                  if (error._tag === "Timeout" || error._tag === "ServiceUnavailable") share.wentUnanswered()
                })
              )
            )
          )
          return share.mustWait(asked) ? Effect.andThen(waitForTurn, send) : send
        }),

      throttled: Effect.map(monotonicMillis, (now) =>
        Array.from(accounts).flatMap(([accountId, { share }]) => {
          const callsPerSecond = share.pace(now)
          return callsPerSecond === undefined ? [] : [{ accountId, callsPerSecond }]
        })
      )
    })
  })
)
