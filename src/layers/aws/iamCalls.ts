import {
  AttachRolePolicyCommand,
  AttachUserPolicyCommand,
  DetachRolePolicyCommand,
  DetachUserPolicyCommand,
  type IAMClient,
  ListAttachedRolePoliciesCommand,
  ListAttachedUserPoliciesCommand
} from "@aws-sdk/client-iam"
import type { Duration } from "effect"
import type { Job } from "../../domain/Job.ts"
import type { operationOf } from "../../domain/PolicyChange.ts"
import { sdkCall } from "./sdkCall.ts"

// The calls that the worker makes in a target account, each one attempt.

export const changePolicy = (
  client: IAMClient,
  timeout: Duration.Duration,
  operation: ReturnType<typeof operationOf>,
  principal: string,
  PolicyArn: string
) =>
  sdkCall(operation, timeout, (options) => {
    switch (operation) {
      case "AttachUserPolicy":
        return client.send(new AttachUserPolicyCommand({ UserName: principal, PolicyArn }), options)
      case "DetachUserPolicy":
        return client.send(new DetachUserPolicyCommand({ UserName: principal, PolicyArn }), options)
      case "AttachRolePolicy":
        return client.send(new AttachRolePolicyCommand({ RoleName: principal, PolicyArn }), options)
      case "DetachRolePolicy":
        return client.send(new DetachRolePolicyCommand({ RoleName: principal, PolicyArn }), options)
    }
  })

/** One page. `Marker`: from the page before. */
export const listAttached = (
  client: IAMClient,
  timeout: Duration.Duration,
  principalType: Job["principal_type"],
  principal: string,
  Marker?: string
) =>
  sdkCall(`ListAttached${principalType}Policies`, timeout, (options) => {
    switch (principalType) {
      case "User":
        return client.send(new ListAttachedUserPoliciesCommand({ UserName: principal, Marker }), options)
      case "Role":
        return client.send(new ListAttachedRolePoliciesCommand({ RoleName: principal, Marker }), options)
    }
  })
