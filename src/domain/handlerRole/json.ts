import { Option } from "effect"
import { permissionPolicy, trustPolicy } from "./HandlerRole.ts"
import type { Settings } from "./parameters.ts"

/** Not an ARN, so that IAM refuses a policy in which it was left. */
const unnamedWorker = "ARN_OF_THE_USER_OR_ROLE_THAT_THE_WORKER_IS"

/** Both policies, as IAM's API takes them. */
export const json = (settings: Settings): string => {
  const role = { ...settings, trusted: Option.getOrElse(settings.trusted, () => unnamedWorker) }
  return JSON.stringify(
    { roleName: role.name, trustPolicy: trustPolicy(role), permissionPolicy: permissionPolicy(role) },
    null,
    2
  )
}
