import { Context } from "effect"
import type { Option } from "effect"
import type { PolicyRules } from "../domain/Guardrail.ts"
import type { Partition } from "../domain/PolicyChange.ts"

/** What the environment says, as far as it is well-formed. */
export class ConfigProbe extends Context.Service<
  ConfigProbe,
  {
    /** A line for each variable that is missing or malformed, beginning with its name; never a value. */
    readonly faults: ReadonlyArray<string>
    /** None: the variables that they come from are bad. */
    readonly guardrail: Option.Option<{ readonly partition: Partition; readonly rules: PolicyRules }>
  }
>()("worker-service-aws/services/ConfigProbe") {}
