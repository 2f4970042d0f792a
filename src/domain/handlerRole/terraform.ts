import { Option } from "effect"
import { maxSessionSeconds, permissionPolicy, trustPolicy } from "./HandlerRole.ts"
import { hcl } from "./hcl.ts"
import { parameters, type Settings } from "./parameters.ts"

/** A Terraform module. */
export const terraform = (settings: Settings): string => {
  const role = {
    ...settings,
    partition: "${data.aws_partition.current.partition}",
    trusted: "${var.trusted_principal}",
    externalId: Option.some("${var.external_id}")
  }
  return [
    "# The role that the CSecBridge worker assumes in this account to attach and detach IAM policies.",
    `terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}`,
    `data "aws_partition" "current" {}`,
    variable("trusted_principal", parameters.trusted, settings.trusted),
    variable("external_id", parameters.externalId, settings.externalId),
    `resource "aws_iam_role" "handler" {
  name                 = ${hcl(role.name, "")}
  max_session_duration = ${maxSessionSeconds}
  assume_role_policy = jsonencode(${hcl(trustPolicy(role), "  ")})
}`,
    `resource "aws_iam_role_policy" "handler" {
  name = ${hcl(role.name, "")}
  role = aws_iam_role.handler.id
  policy = jsonencode(${hcl(permissionPolicy(role), "  ")})
}`,
    `output "role_arn" {
  value = aws_iam_role.handler.arn
}`
  ].join("\n\n")
}

const variable = (
  name: string,
  { description, pattern, violation }: (typeof parameters)[keyof typeof parameters],
  given: Option.Option<string>
) => `variable "${name}" {
  description = ${hcl(description, "")}
  type        = string${Option.match(given, { onNone: () => "", onSome: (value) => `\n  default     = ${hcl(value, "")}` })}

  validation {
    condition     = can(regex(${hcl(pattern, "")}, var.${name}))
    error_message = ${hcl(`It must be ${violation}.`, "")}
  }
}`
