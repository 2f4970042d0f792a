# The role that the CSecBridge worker assumes in this account to attach and detach IAM policies.

terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

data "aws_partition" "current" {}

variable "trusted_principal" {
  description = "ARN of the user or role that the worker is"
  type        = string

  validation {
    condition     = can(regex("^arn:(aws|aws-cn|aws-us-gov):iam::[0-9]{12}:(user|role)/[A-Za-z0-9_+=,.@/-]+$", var.trusted_principal))
    error_message = "It must be the ARN of one IAM user or role."
  }
}

variable "external_id" {
  description = "The worker's AWS_EXTERNAL_ID"
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_+=,.@:/-]{2,1224}$", var.external_id))
    error_message = "It must be 2 to 1224 letters, digits and any of _ + = , . @ : / -."
  }
}

resource "aws_iam_role" "handler" {
  name                 = "cSecBridgeIAMHandlerRole"
  max_session_duration = 3600
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Worker"
        Effect = "Allow"
        Principal = {
          AWS = var.trusted_principal
        }
        Action = "sts:AssumeRole"
        Condition = {
          StringEquals = {
            "sts:ExternalId" = var.external_id
          }
          StringLike = {
            "sts:RoleSessionName" = "cSecBridgeWorkerSession"
          }
        }
      },
    ]
  })
}

resource "aws_iam_role_policy" "handler" {
  name = "cSecBridgeIAMHandlerRole"
  role = aws_iam_role.handler.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Attach"
        Effect = "Allow"
        Action = [
          "iam:AttachUserPolicy",
          "iam:AttachRolePolicy",
        ]
        Resource = [
          "arn:${data.aws_partition.current.partition}:iam::*:user/*",
          "arn:${data.aws_partition.current.partition}:iam::*:role/*",
        ]
        Condition = {
          ArnLike = {
            "iam:PolicyARN" = [
              "arn:${data.aws_partition.current.partition}:iam::*:policy/*",
            ]
          }
        }
      },
      {
        Sid    = "Detach"
        Effect = "Allow"
        Action = [
          "iam:DetachUserPolicy",
          "iam:DetachRolePolicy",
        ]
        Resource = [
          "arn:${data.aws_partition.current.partition}:iam::*:user/*",
          "arn:${data.aws_partition.current.partition}:iam::*:role/*",
        ]
      },
      {
        Sid    = "ReadBack"
        Effect = "Allow"
        Action = [
          "iam:ListAttachedUserPolicies",
          "iam:ListAttachedRolePolicies",
        ]
        Resource = [
          "arn:${data.aws_partition.current.partition}:iam::*:user/*",
          "arn:${data.aws_partition.current.partition}:iam::*:role/*",
        ]
      },
      {
        Sid    = "NeverAttach"
        Effect = "Deny"
        Action = [
          "iam:AttachUserPolicy",
          "iam:AttachRolePolicy",
        ]
        Resource = "*"
        Condition = {
          ArnLike = {
            "iam:PolicyARN" = [
              "arn:${data.aws_partition.current.partition}:iam::aws:policy/AdministratorAccess",
              "arn:${data.aws_partition.current.partition}:iam::aws:policy/IAMFullAccess",
              "arn:${data.aws_partition.current.partition}:iam::aws:policy/PowerUserAccess",
            ]
          }
        }
      },
      {
        Sid    = "NeverTouch"
        Effect = "Deny"
        Action = [
          "iam:AttachUserPolicy",
          "iam:AttachRolePolicy",
          "iam:DetachUserPolicy",
          "iam:DetachRolePolicy",
        ]
        Resource = [
          var.trusted_principal,
          "arn:${data.aws_partition.current.partition}:iam::*:role/cSecBridgeIAMHandlerRole",
          "arn:${data.aws_partition.current.partition}:iam::*:role/aws-service-role/*",
          "arn:${data.aws_partition.current.partition}:iam::*:role/aws-reserved/*",
        ]
      },
      {
        Sid    = "NothingElse"
        Effect = "Deny"
        NotAction = [
          "iam:AttachUserPolicy",
          "iam:AttachRolePolicy",
          "iam:DetachUserPolicy",
          "iam:DetachRolePolicy",
          "iam:ListAttachedUserPolicies",
          "iam:ListAttachedRolePolicies",
        ]
        Resource = "*"
      },
    ]
  })
}

output "role_arn" {
  value = aws_iam_role.handler.arn
}
