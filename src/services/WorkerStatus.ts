import type { Option, Ref } from "effect"
import { Context } from "effect"

/** `stopped`: the fetch loop has ended, which it never does by itself. */
export type Phase = "starting" | "running" | "draining" | "stopped"

export interface Paused {
  readonly all: boolean
  readonly accounts: ReadonlySet<string>
}

/** What the worker is doing, for the probes and for those who have to end with it. */
export class WorkerStatus extends Context.Service<
  WorkerStatus,
  {
    readonly phase: Ref.Ref<Phase>
    /** Milliseconds of the clock at which the drain is over and nothing is tried again; infinite until it begins. */
    readonly endsAt: Ref.Ref<number>
    /** Why the last take failed, if it did. */
    readonly fetchFault: Ref.Ref<Option.Option<string>>
    /** Why no jobs are taken although the worker runs: AWS refuses the worker's own credentials or clock. */
    readonly credentialsFault: Ref.Ref<Option.Option<string>>
    /** What the kill switch stops, as it was last seen: everything, or the jobs of some accounts. */
    readonly paused: Ref.Ref<Paused>
    /** Milliseconds of the monotonic clock from which PostgreSQL has been there for a while; infinite while it is away. */
    readonly steadyFrom: Ref.Ref<number>
    /**
     * Unix milliseconds: a pending request last touched before them has no job any more, as far as the last sweep saw. Until the
     * first, minus infinity.
     */
    readonly orphansBefore: Ref.Ref<number>
  }
>()("worker-service-aws/services/WorkerStatus") {}
