import { Effect } from "effect"
import { failed, ok, type Outcome } from "../../domain/Finding.ts"
import type { Job } from "../../domain/Job.ts"
import { operationOf, type PolicyChange, policyChange } from "../../domain/PolicyChange.ts"
import { type AwsSession, AwsProbe, type TargetSession } from "../../services/AwsProbe.ts"
import { checkIdentity, checkRole, sessionNames, words } from "../checks/awsSession.ts"
import { checkAfter, checkBackend, skippedAfter } from "../checks/check.ts"
import { checkEntities, entityNames } from "./entities.ts"
import { unusable } from "./unusable.ts"

const names = { ...sessionNames, permission: "aws permission", ...entityNames }

/** The worker's identity, the handler role and what it may do; and, in the account, the principal, the policy and the quota. */
export const checkTarget = (job: Job) =>
  Effect.flatMap(AwsProbe, ({ connect }) =>
    checkBackend(names, connect, unusable, (session) => examine(session, policyChange(session.partition, job)))
  )

const examine = Effect.fnUntraced(function* (session: AwsSession, change: PolicyChange) {
  const arn = yield* Effect.cached(session.identity)
  const target = yield* Effect.cached(session.look(change))
  const identity = yield* checkIdentity(arn)
  const role = yield* checkRole(identity, session, change.accountId, arn, target)
  const permission = yield* checkAfter(
    role,
    names.permission,
    Effect.flatMap(target, (it) => tryChange(it, change))
  )
  const entities = yield* Effect.matchEffect(target, {
    onFailure: () => Effect.succeed(Object.values(entityNames).map(skippedAfter(role))),
    onSuccess: (it) => checkEntities(it, change)
  })
  return [identity, role, permission, ...entities]
})

/** Tried on a principal that does not exist, so nothing changes: IAM decides who may call before it looks up what the call is about. */
const tryChange = (target: TargetSession, change: PolicyChange): Effect.Effect<Outcome> => {
  const action = `iam:${operationOf(change)}`
  const allowed = ok(`the handler role may call ${action} with ${change.policyArn}, tried on nobody`)
  return Effect.match(target.attempt, {
    onSuccess: () => allowed,
    onFailure: (error) => {
      switch (error._tag) {
        case "NoSuchEntity":
          return allowed
        case "AccessDenied":
          return failed(
            `the handler role may not call ${action} with ${change.policyArn}: ${error.message}`,
            "Look at the role's policies, its permissions boundary and the SCPs: they may allow certain policies only"
          )
        default:
          return failed(words(error), "Correct what AWS complains about, or look again in a minute")
      }
    }
  })
}
