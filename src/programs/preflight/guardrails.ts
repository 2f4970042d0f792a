import { Effect, Option } from "effect"
import { failed, type Finding, ok, type Outcome, skipped } from "../../domain/Finding.ts"
import { checkPolicy, checkPrincipal } from "../../domain/Guardrail.ts"
import type { Job } from "../../domain/Job.ts"
import { policyChange } from "../../domain/PolicyChange.ts"
import { ConfigProbe } from "../../services/ConfigProbe.ts"
import { check } from "../checks/check.ts"

/** `POLICY_DENY`, `POLICY_ALLOW` and `PRINCIPAL_DENY`, as this environment has them: they forbid an `add`, never a `remove`. */
export const checkGuardrails = (job: Job): Effect.Effect<ReadonlyArray<Finding>, never, ConfigProbe> =>
  check(
    "guardrails",
    Effect.map(ConfigProbe, ({ settings }) => ofRules(job, settings))
  ).pipe(Effect.map((finding) => [finding]))

const ofRules = (job: Job, settings: ConfigProbe["Service"]["settings"]): Outcome => {
  if (job.action === "remove") return ok("a remove is always allowed")
  if (Option.isNone(settings)) return skipped("see config")
  const { partition, worker } = settings.value
  const change = policyChange(partition, job)
  const refusal = [
    checkPolicy(worker.policyRules, change.policyArn),
    checkPrincipal(worker.principalDeny, partition, change)
  ].find((result) => result._tag === "Failure")
  return refusal === undefined
    ? ok("they let it through")
    : failed(
        refusal.failure.message,
        "Ask for another policy or principal, or let the worker's operators change the rule"
      )
}
