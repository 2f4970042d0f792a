import type { Option, Ref } from "effect"
import { Context } from "effect"

/** `stopped`: the fetch loop has ended, which it never does by itself. */
export type Phase = "starting" | "running" | "draining" | "stopped"

export interface Paused {
  readonly all: boolean
  readonly accounts: ReadonlySet<string>
}

/** What the worker is doing, for the probes and for whatever has to stop with it. */
export class WorkerStatus extends Context.Service<
  WorkerStatus,
  {
    readonly phase: Ref.Ref<Phase>
    /** Unix milliseconds at which the drain ends, after which nothing is retried; infinite until it begins. */
    readonly endsAt: Ref.Ref<number>
    /** Why the last take failed, if it did. */
    readonly fetchFault: Ref.Ref<Option.Option<string>>
    /** Why no jobs are taken although the worker runs: AWS refuses the worker's own credentials or clock. */
    readonly credentialsFault: Ref.Ref<Option.Option<string>>
    /** What the kill switch stops, as it was last seen: everything, or the jobs of some accounts. */
    readonly paused: Ref.Ref<Paused>
    /** Milliseconds of the monotonic clock from which PostgreSQL counts as steady; infinite while it is away. */
    readonly steadyFrom: Ref.Ref<number>
    /**
     * Unix milliseconds: a pending request last touched before this has no job any more, as far as the last sweep could see. Minus
     * infinity until the first sweep.
     */
    readonly orphansBefore: Ref.Ref<number>
  }
>()("worker-service-aws/services/WorkerStatus") {}
