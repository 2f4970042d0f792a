import { Cause, Duration, Effect, Exit, Option, Ref } from "effect"
import { auditLog, type JobError, Settlement, WorkerDefect } from "../../domain/Settlement.ts"
import { tellJob } from "../../domain/tracing.ts"
import { WorkerConfig } from "../../services/Config.ts"
import { type Delivery, JobQueue } from "../../services/JobQueue.ts"
import { type Claim, JobStore } from "../../services/JobStore.ts"
import { WorkerStatus } from "../../services/WorkerStatus.ts"
import type { Applied } from "./applyPolicy.ts"
import { count } from "./count.ts"
import { persist } from "./persist.ts"

/** What follows from how the work under a claim ended. */
export const settlementOf = Effect.fnUntraced(function* (exit: Exit.Exit<Applied, JobError>, claim: Claim) {
  if (Exit.isSuccess(exit)) return Settlement.Succeeded(exit.value)
  if (Cause.hasInterrupts(exit.cause)) {
    return Settlement.Released({ reason: "the worker shuts down", until: "next" })
  }
  const error = Option.getOrElse(Cause.findErrorOption(exit.cause), () => defect(exit.cause))
  switch (error.kind) {
    case "permanent":
      return Settlement.Failed({ error })
    case "systemic": {
      const { credentialsFault } = yield* WorkerStatus
      yield* Ref.set(credentialsFault, Option.some(`${error.code}: ${error.message}`))
      return Settlement.Released({
        reason: `the worker's own credentials or clock are wrong: ${error.code}`,
        until: "next"
      })
    }
    case "not now":
      return Settlement.Released({ reason: error.message, until: "later" })
    case "transient":
    case "session": {
      const { maxDeliveries } = yield* WorkerConfig
      // The end of a grant does not fail only because AWS was away for a while.
      return claim.ends === null && maxDeliveries > 0 && claim.delivery >= maxDeliveries
        ? Settlement.Failed({ error })
        : Settlement.Requeued({ error, delivery: claim.delivery })
    }
  }
})

const defect = (cause: Cause.Cause<unknown>) => new WorkerDefect({ message: Cause.pretty(cause) })

/** How long a job is delayed that the worker must not go on with now. */
const pause = Duration.seconds(1)

/** Records the outcome, then moves the payload where it belongs; in this order, so that a crash in between leaves a duplicate. */
export const settle = Effect.fnUntraced(function* (delivery: Delivery, claim: Claim, settlement: Settlement) {
  const store = yield* JobStore
  const queue = yield* JobQueue
  const { correlationId } = claim

  const stillOurs = yield* persist(store.settle(claim, settlement))
  if (!stillOurs) {
    yield* Effect.logWarning(`claim lost to another worker; not recorded: ${auditLog(settlement)}`)
    // Whoever has the request now may have no payload for it; if they have one, ours is a duplicate.
    return yield* persist(queue.giveBack(delivery))
  }
  switch (settlement._tag) {
    case "Succeeded": {
      yield* persist(queue.finish(delivery, correlationId))
      yield* count("success")
      return yield* Effect.logInfo(auditLog(settlement))
    }
    case "Failed": {
      const { error } = settlement
      const misled = error.code === "PayloadMismatch"
      if (misled) {
        const letter = {
          reason: "PayloadMismatch",
          message: error.message,
          correlationId: Option.some(correlationId)
        } as const
        yield* persist(queue.deadLetter(delivery.payload, letter))
      }
      yield* persist(queue.finish(delivery, correlationId))
      yield* count(misled ? "dead_letter" : "failed", error)
      return yield* Effect.logWarning("request failed").pipe(annotateError(error))
    }
    case "Requeued": {
      const { maxDeliveries, orphanAfter } = yield* WorkerConfig
      // Only the end of a grant gets this far: anything else with so many deliveries has failed.
      const worn = maxDeliveries > 0 && claim.delivery >= maxDeliveries
      yield* persist(worn ? queue.delay(delivery, Duration.times(orphanAfter, 0.25)) : queue.requeue(delivery))
      yield* count("requeued", settlement.error)
      return yield* Effect.logWarning(`requeued after delivery ${claim.delivery}`).pipe(annotateError(settlement.error))
    }
    case "Released": {
      yield* persist(settlement.until === "later" ? queue.delay(delivery, pause) : queue.giveBack(delivery))
      yield* tellJob(() => ({ attributes: { "csb.outcome": "released" } }))
      return yield* Effect.logInfo(auditLog(settlement))
    }
  }
})

const annotateError = (error: JobError) =>
  Effect.annotateLogs({ error_type: error._tag, error_message: `${error.code}: ${error.message}` })
