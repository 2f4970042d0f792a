import { Context } from "effect"
import type { Option } from "effect"
import type { Partition } from "../domain/PolicyChange.ts"
import type { WorkerConfig } from "./Config.ts"

/** What the environment says, as far as it is well-formed. */
export class ConfigProbe extends Context.Service<
  ConfigProbe,
  {
    /** A line for each variable that is missing or malformed, beginning with its name; never a value. */
    readonly faults: ReadonlyArray<string>
    /** None: the variables that they come from are bad. */
    readonly settings: Option.Option<{ readonly partition: Partition; readonly worker: WorkerConfig["Service"] }>
  }
>()("worker-service-aws/services/ConfigProbe") {}
