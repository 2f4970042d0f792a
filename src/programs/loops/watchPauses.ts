import { Duration, Effect, Metric, Option, Ref, Schedule } from "effect"
import * as metrics from "../../domain/metrics.ts"
import type { Pause } from "../../domain/Pause.ts"
import { RedisConfig } from "../../services/Config.ts"
import { Pauses } from "../../services/Pauses.ts"
import type { RedisError } from "../../services/Redis.ts"
import { WorkerStatus } from "../../services/WorkerStatus.ts"
import { logFailure } from "../job/persist.ts"
import { repeatedly } from "./repeatedly.ts"

/** With the time that a look takes, a pause is seen within a second. */
const lookEvery = Duration.millis(400)

/**
 * Keeps `WorkerStatus.paused` in line with the kill switch, from before the first job is taken. While Redis is away, what was last
 * known holds. Where the worker cannot look, nothing is ever paused, and the log says so: in the mode `brpop`, whose ACL may grant no
 * commands on sorted sets, and where the ACL does not grant ZRANGEBYSCORE.
 *
 * `canPark`: whether jobs of one account can be parked. Where they cannot, the pause of one account stops all.
 */
export const watchPauses = Effect.fnUntraced(function* (canPark: Effect.Effect<boolean, never, WorkerStatus>) {
  const { fetchMode } = yield* RedisConfig
  const first = look(canPark).pipe(
    Effect.tapError((error) => logFailure(error, Duration.toMillis(lookEvery))),
    Effect.retry({ schedule: Schedule.spaced(lookEvery), while: (error) => error.reason !== "Denied" }),
    Effect.option
  )
  if (fetchMode === "brpop" || Option.isNone(yield* first)) {
    return yield* Effect.logInfo("the commands pause and resume have no power over this worker")
  }
  yield* Effect.forkScoped(Effect.delay(repeatedly(lookEvery, look(canPark)), lookEvery))
})

const look = Effect.fnUntraced(function* (
  canPark: Effect.Effect<boolean, never, WorkerStatus>
): Effect.fn.Return<void, RedisError, Pauses | WorkerStatus> {
  const { paused } = yield* WorkerStatus
  const before = yield* Ref.get(paused)
  const pauses = yield* (yield* Pauses).all
  const accounts = new Set(pauses.flatMap(({ scope }) => (scope === "all" ? [] : [scope])))
  const all = pauses.some(({ scope }) => scope === "all") || (accounts.size > 0 && !(yield* canPark))
  yield* Ref.set(paused, { all, accounts })
  yield* Metric.update(metrics.paused, all ? 1 : 0)
  yield* Metric.update(metrics.accountsPaused, accounts.size)

  for (const pause of pauses.filter(({ scope }) => scope !== "all" && !before.accounts.has(scope))) yield* report(pause)
  for (const account of before.accounts) {
    if (!accounts.has(account)) yield* Effect.logInfo("resumed").pipe(Effect.annotateLogs("account_id", account))
  }
  if (all === before.all) return
  const everybody = pauses.find(({ scope }) => scope === "all")
  if (everybody !== undefined) yield* report(everybody)
  else if (all) yield* Effect.logWarning("no more jobs are taken: jobs of one account cannot be parked here")
  else yield* Effect.logInfo("resumed: taking jobs again")
})

const report = ({ by, scope, why }: Pause) =>
  Effect.logWarning(`paused by ${by}: ${why}`).pipe(Effect.annotateLogs(scope === "all" ? {} : { account_id: scope }))
