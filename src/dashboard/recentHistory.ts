import { Clock, Duration, Effect } from "effect"
import type { Failure, MinuteOutcomes } from "../domain/History.ts"
import type { RecentHistory } from "../domain/Overview.ts"
import { RequestHistory } from "../services/RequestHistory.ts"

/** Milliseconds. */
const minute = 60_000
const charted = 60 * minute
const failuresOf = 24 * 60 * minute

/** A slow transaction may still add to minutes that were read already; none takes longer than this. */
const unsettled = 2 * minute

/** How many failures the list has. */
const most = 100

const startOfMinute = (time: number) => Math.floor(time / minute) * minute

/**
 * Reads the last hour once, and from then on only what is new. All who look within a second share one reading; a database that cannot
 * answer is left alone for a while.
 */
export const makeRecentHistory = Effect.gen(function* () {
  const history = yield* RequestHistory
  let counted = new Map<number, MinuteOutcomes>()
  let failures: ReadonlyArray<Failure> = []
  /** The newest minute that was read, by PostgreSQL's clock, which need not agree with ours. */
  let newest = Number.NEGATIVE_INFINITY

  return yield* Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const firstMinute = startOfMinute(now - charted) + minute
    const since = Math.max(firstMinute, newest - unsettled)
    const failuresSince = Math.max(now - failuresOf, newest - unsettled)
    const [outcomes, failed] = yield* Effect.all([history.outcomes(since), history.failures(failuresSince)], {
      concurrency: "unbounded"
    })

    const settled = Array.from(counted.values()).filter((it) => it.minute >= firstMinute && it.minute < since)
    counted = new Map([...settled, ...outcomes].map((it) => [it.minute, it]))
    const fresh = new Set(failed.map(({ auditId }) => auditId))
    failures = [...failed, ...failures.filter(({ auditId }) => !fresh.has(auditId))]
      .filter(({ failedAt }) => failedAt >= now - failuresOf)
      .slice(0, most)
    newest = outcomes.at(-1)?.minute ?? newest

    const minutes = Array.from({ length: charted / minute }, (_, index) => firstMinute + index * minute)
    return {
      minutes: minutes.map(
        (it) => counted.get(it) ?? { minute: it, succeeded: 0, failed: 0, requeued: 0, recovered: 0 }
      ),
      failures
    } satisfies RecentHistory
  }).pipe(Effect.cachedWithTTL((exit) => (exit._tag === "Success" ? Duration.seconds(1) : Duration.seconds(20))))
})
