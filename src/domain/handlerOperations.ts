import { PrincipalType } from "./Job.ts"

/** All that the worker calls in a target account, and so all that the handler role has to allow. */
export const handlerOperations = [
  ...PrincipalType.literals.map((type) => `Attach${type}Policy` as const),
  ...PrincipalType.literals.map((type) => `Detach${type}Policy` as const),
  ...PrincipalType.literals.map((type) => `ListAttached${type}Policies` as const)
]

export type HandlerOperation = (typeof handlerOperations)[number]
