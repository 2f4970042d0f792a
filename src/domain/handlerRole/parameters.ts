import type { Option } from "effect"
import type { HandlerRole } from "./HandlerRole.ts"

/** The handler role's settings; the worker's ARN may be left to whoever deploys the template. */
export interface Settings extends Omit<HandlerRole, "trusted"> {
  readonly trusted: Option.Option<string>
}

/** What a template asks for. The patterns are those of AWS, which CloudFormation and Terraform both understand. */
export const parameters = {
  trusted: {
    description: "ARN of the user or role that the worker is",
    pattern: "^arn:(aws|aws-cn|aws-us-gov):iam::[0-9]{12}:(user|role)/[A-Za-z0-9_+=,.@/-]+$",
    violation: "the ARN of one IAM user or role"
  },
  externalId: {
    description: "The worker's AWS_EXTERNAL_ID",
    pattern: "^[A-Za-z0-9_+=,.@:/-]{2,1224}$",
    violation: "2 to 1224 letters, digits and any of _ + = , . @ : / -"
  }
} as const
