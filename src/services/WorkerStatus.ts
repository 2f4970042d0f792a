import type { Option, Ref } from "effect"
import { Context } from "effect"

/** `stopped`: the fetch loop has ended, which it never does by itself. */
export type Phase = "starting" | "running" | "draining" | "stopped"

/** What the worker is doing, for the probes. */
export class WorkerStatus extends Context.Service<
  WorkerStatus,
  {
    readonly phase: Ref.Ref<Phase>
    /** Why no jobs are taken although the worker runs: STS does not know the worker's credentials. */
    readonly credentialsFault: Ref.Ref<Option.Option<string>>
  }
>()("worker-service-aws/services/WorkerStatus") {}
