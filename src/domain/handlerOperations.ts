/** All that the worker calls in a target account, and so all that the handler role has to allow. */
export const handlerOperations = [
  "AttachUserPolicy",
  "AttachRolePolicy",
  "DetachUserPolicy",
  "DetachRolePolicy",
  "ListAttachedUserPolicies",
  "ListAttachedRolePolicies"
] as const

export type HandlerOperation = (typeof handlerOperations)[number]
