import { Effect, Option } from "effect"
import { failed, type Finding, ok, type Outcome, skipped, warning } from "../../domain/Finding.ts"
import { canMatchPolicy } from "../../domain/Guardrail.ts"
import type { ConfigInvalid } from "../../services/Config.ts"
import { ConfigProbe } from "../../services/ConfigProbe.ts"

/** Whether the environment is well-formed: a finding for each variable that is not. */
export const checkConfig = Effect.map(ConfigProbe, ({ faults, settings }): ReadonlyArray<Finding> => {
  const variables =
    faults.length === 0 ? [ok("all variables are well-formed")] : faults.map((fault) => failed(fault, remedyOf(fault)))
  return [
    ...variables.map((outcome) => ({ check: "config", ...outcome })),
    ...Option.match(settings, {
      onNone: () => [],
      onSome: ({ partition, worker }) => {
        const { allow, deny } = worker.policyRules
        const all = [...deny, ...Option.getOrElse(allow, () => [])]
        const idle = all.filter((pattern) => !canMatchPolicy(pattern, partition))
        const outcome = warning(
          `no policy's ARN can match ${idle.join(", ")}`,
          `Correct POLICY_DENY or POLICY_ALLOW: ARNs look like arn:${partition}:iam::aws:policy/X or arn:${partition}:iam::123456789012:policy/X`
        )
        return idle.length === 0 ? [] : [{ check: "config rules", ...outcome }]
      }
    })
  ]
})

const remedyOf = (fault: string): string => {
  const [variable] = fault.split(":", 1)
  return fault.includes(": missing")
    ? `Set ${variable}`
    : `Correct ${variable}; the README says what each variable means`
}

/** Why a part cannot be checked: what `config` says already is not said twice. */
export const unconfigured = ({ faults }: ConfigInvalid) =>
  Effect.map(ConfigProbe, (config): Outcome => {
    const news = faults.filter((fault) => !config.faults.includes(fault))
    return news.length === 0 ? skipped("see config") : failed(news.join("; "), news.map(remedyOf).join("; "))
  })
