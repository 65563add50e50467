data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition

  has_domain  = var.domain_name != ""
  has_zone    = var.hosted_zone_id != ""
  public_name = local.has_domain ? var.domain_name : aws_cloudfront_distribution.relay[0].domain_name
  media_path  = "/media" # relay route: /media/TOKEN

  # A key of your own; null for AWS's.
  kms_key  = var.kms_key_arn == "" ? null : var.kms_key_arn
  kms_keys = compact([var.kms_key_arn])

  # What a role may do at most; null for no bound.
  permissions_boundary = var.permissions_boundary == "" ? null : var.permissions_boundary

  relay_port      = 8080
  relay_max_calls = var.relay_max_calls > 0 ? var.relay_max_calls : floor(var.relay_cpu * 100 / 1024)

  # Exotel ends a call after 60 minutes; nothing on the way may be more impatient than that.
  longest_call_seconds = 3600

  transfer_environment = merge(
    length(var.transfer_targets) > 0 ? { TRANSFER_TARGETS = jsonencode(var.transfer_targets) } : {},
    var.transfer_team_1_number != "" ? { TRANSFER_TEAM_1_NUMBER = var.transfer_team_1_number } : {},
    var.transfer_team_2_number != "" ? { TRANSFER_TEAM_2_NUMBER = var.transfer_team_2_number } : {},
  )
}

# Who may take a role: one of AWS's services, and only for this account: no other account's cluster may make ECS use these roles.
data "aws_iam_policy_document" "assumed_by" {
  for_each = toset(["codebuild", "ecs-tasks", "scheduler"])

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["${each.key}.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}
