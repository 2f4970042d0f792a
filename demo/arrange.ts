import type { LocalAws } from "../local/aws/LocalAws.ts"
import type { Job } from "./Job.ts"
import { customPolicies } from "./makeJobs.ts"
import { accounts } from "./scenario.ts"

export const handlerRole = "cSecBridgeIAMHandlerRole"

/** Puts into the local AWS what the jobs meet there: accounts, principals, what is attached to them, and faults. */
export const arrange = ({ faults, world }: LocalAws["Service"], jobs: ReadonlyArray<Job>): void => {
  for (const accountId of [...accounts.ordinary, accounts.throttled, accounts.revoked, accounts.closed]) {
    world.addAccount({
      accountId,
      handlerRole: { name: handlerRole, trusted: accountId !== accounts.closed },
      policies: customPolicies
    })
  }
  for (const { attached, faults: rules, principalExists, request } of jobs) {
    const { accountId, principal, principalType } = request
    if (!principalExists) continue
    world.addAccount({ accountId, [principalType === "User" ? "users" : "roles"]: [principal] })
    for (const arn of attached) world.attach(accountId, principalType, principal, arn)
    for (const rule of rules) faults.add(rule)
  }
}
