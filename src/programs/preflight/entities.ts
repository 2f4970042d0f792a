import { Effect, Option } from "effect"
import type { AwsError } from "../../domain/AwsError.ts"
import { failed, ok, type Outcome, skipped, warning } from "../../domain/Finding.ts"
import { isSamePolicy, type PolicyChange } from "../../domain/PolicyChange.ts"
import type { TargetSession } from "../../services/AwsProbe.ts"
import { words } from "../checks/awsSession.ts"
import { check, checkAfter } from "../checks/check.ts"

export const entityNames = {
  principal: "principal",
  attachment: "attachment",
  policy: "policy",
  quota: "quota",
  boundary: "boundary"
}

/** How many policies every principal may have: the default quota, which can only be raised. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
const leastQuota = 10

/** Policies under this path are for service-linked roles. https://docs.aws.amazon.com/IAM/latest/UserGuide/using-service-linked-roles.html */
const serviceLinked = /:policy\/aws-service-role\//i

/** What the change would meet in its account. What the handler role may not read is skipped. */
export const checkEntities = Effect.fnUntraced(function* (target: TargetSession, change: PolicyChange) {
  const attached = yield* Effect.cached(target.attached)
  const principal = yield* check(
    entityNames.principal,
    Effect.match(attached, {
      onFailure: (error) => noPrincipal(error, change),
      onSuccess: () => ok(`the ${nameOf(change)} exists`)
    })
  )
  const found = yield* Effect.option(attached)
  const same = Option.flatMapNullishOr(found, (arns) => arns.find((arn) => isSamePolicy(change, arn)))
  return [
    principal,
    yield* checkAfter(principal, entityNames.attachment, Effect.succeed(ofAttachment(change, same))),
    yield* check(entityNames.policy, ofPolicy(target, change, same)),
    yield* checkAfter(
      principal,
      entityNames.quota,
      ofQuota(target, change, same, Option.match(found, { onNone: () => 0, onSome: (arns) => arns.length }))
    ),
    yield* checkAfter(principal, entityNames.boundary, ofBoundary(target, change))
  ]
})

const nameOf = ({ principal, principalType }: PolicyChange) => `${principalType.toLowerCase()} ${principal}`

/** What to say where the role may not make a call that only a preflight makes, or where the call fails. */
const unanswered = (error: AwsError): Outcome =>
  error._tag === "AccessDenied"
    ? skipped(`the handler role may not call iam:${error.operation}, which would tell`)
    : failed(words(error), "Look again in a minute")

const noPrincipal = (error: AwsError, change: PolicyChange): Outcome => {
  if (error._tag === "NoSuchEntity") {
    return failed(
      `account ${change.accountId} has no ${nameOf(change)}`,
      "Correct the principal, its type or the account, or create it first"
    )
  }
  // Only where each job has a session of its own, whose policy is case-sensitive.
  return error._tag === "AccessDenied" && error.message.includes("no session policy allows")
    ? failed(
        words(error),
        "Spell the principal as IAM does: with AWS_SESSION_SCOPE=job, a job is denied any other spelling"
      )
    : unanswered(error)
}

const ofAttachment = ({ action, policyArn }: PolicyChange, same: Option.Option<string>): Outcome => {
  if (action === "remove") {
    if (Option.isNone(same)) {
      return warning(
        `already so: ${policyArn} is not attached`,
        "It would succeed and change nothing: correct it if it ought to"
      )
    }
    return isSpelled(policyArn, same.value)
      ? ok(`${same.value} is attached, and would be detached`)
      : failed(`attached is ${same.value}, not ${policyArn}`, "Name the policy with its path")
  }
  return Option.isSome(same)
    ? warning(
        `already so: ${same.value} is attached`,
        "It would succeed and change nothing; an end of it would leave the policy attached"
      )
    : ok(`${policyArn} is not attached yet`)
}

/** IAM's names are unique regardless of case. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
const isSpelled = (one: string, other: string) => one.toLowerCase() === other.toLowerCase()

const ofPolicy = (
  target: TargetSession,
  { action, policyArn }: PolicyChange,
  same: Option.Option<string>
): Effect.Effect<Outcome> => {
  if (Option.isSome(same)) return Effect.succeed(ok("it exists, since it is attached"))
  if (action === "remove") return Effect.succeed(ok("a policy that is not attached need not exist to be removed"))
  const unattachable = failed(
    `${policyArn} cannot be attached: it is for service-linked roles`,
    "Ask for a policy that may be attached to users and roles"
  )
  if (serviceLinked.test(policyArn)) return Effect.succeed(unattachable)
  return Effect.match(target.isAttachable, {
    onSuccess: (attachable) => (attachable ? ok(`${policyArn} exists`) : unattachable),
    onFailure: (error) =>
      error._tag === "NoSuchEntity"
        ? failed(
            `there is no policy ${policyArn}`,
            "Correct the entitlement or its type, name its path if it has one (service-role/X), or create it first"
          )
        : unanswered(error)
  })
}

const ofQuota = (
  target: TargetSession,
  { action }: PolicyChange,
  same: Option.Option<string>,
  count: number
): Effect.Effect<Outcome> =>
  action === "remove" || Option.isSome(same)
    ? Effect.succeed(ok("it uses up no quota"))
    : Effect.match(target.quota, {
        onSuccess: Option.match({
          onNone: () => withoutQuota(count, "IAM does not tell the account's quota"),
          onSome: (quota) =>
            count < quota
              ? ok(`${count} of ${quota} policies are attached`)
              : failed(
                  `${count} of ${quota} policies are attached, and the quota is used up`,
                  "Detach one, put several into one policy, or have the account's quota raised (Service Quotas, IAM)"
                )
        }),
        onFailure: (error) =>
          error._tag === "AccessDenied" ? withoutQuota(count, unanswered(error).detail) : unanswered(error)
      })

const withoutQuota = (count: number, why: string): Outcome =>
  count < leastQuota
    ? ok(`${count} policies are attached, and every account allows ${leastQuota}`)
    : skipped(`${count} policies are attached, and accounts allow ${leastQuota} or more: ${why}`)

const ofBoundary = (target: TargetSession, { action }: PolicyChange): Effect.Effect<Outcome> =>
  action === "remove"
    ? Effect.succeed(ok("it does not affect a remove"))
    : Effect.match(target.boundary, {
        onSuccess: Option.match({
          onNone: () => ok("the principal has none"),
          onSome: (arn) =>
            warning(
              `the principal's permissions boundary is ${arn}`,
              "What the policy allows takes effect only as far as the boundary allows it, too: compare them"
            )
        }),
        onFailure: unanswered
      })
