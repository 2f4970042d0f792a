import type { Effect } from "effect"
import { Context, Schema } from "effect"
import type { ConfigInvalid } from "./Config.ts"

/** The address cannot be listened on. */
export class PortTaken extends Schema.TaggedError<PortTaken>()("PortTaken", {
  address: Schema.String,
  /** Node's code, such as `EADDRINUSE`. */
  code: Schema.String
}) {}

/** The address of the probes and the metrics. */
export class PortProbe extends Context.Service<
  PortProbe,
  {
    /** Listens on it for a moment; answers with the address. */
    readonly listen: Effect.Effect<string, PortTaken | ConfigInvalid>
  }
>()("worker-service-aws/services/PortProbe") {}
