# What is off unless asked for, because it costs or can cut callers off: a limit for each address, and a budget's alarm.

# A call is one request, so the limit counts calls, and whatever else comes. All of Exotel's calls come from a few addresses:
# set it well above what they bring in five minutes.
resource "aws_wafv2_web_acl" "relay" {
  count = var.requests_per_address > 0 ? 1 : 0

  name        = var.name
  description = "Refuses an address that sends too many requests"
  scope       = "REGIONAL"

  default_action {
    allow {}
  }

  rule {
    name     = "too-often"
    priority = 1

    action {
      block {}
    }

    statement {
      rate_based_statement {
        limit                 = var.requests_per_address
        evaluation_window_sec = 300
        aggregate_key_type    = "IP"
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "${var.name}-too-often"
      sampled_requests_enabled   = false # they would hold the media token
    }
  }

  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = var.name
    sampled_requests_enabled   = false
  }
}

resource "aws_wafv2_web_acl_association" "relay" {
  count = var.requests_per_address > 0 ? 1 : 0

  resource_arn = aws_lb.relay.arn
  web_acl_arn  = aws_wafv2_web_acl.relay[0].arn
}

# Of the whole account: costs by tag are known only where somebody has switched the tag on for billing.
resource "aws_budgets_budget" "account" {
  count = var.monthly_budget_usd > 0 ? 1 : 0

  name         = "${var.name}-${var.region}"
  budget_type  = "COST"
  limit_amount = tostring(var.monthly_budget_usd)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  dynamic "notification" {
    for_each = [{ kind = "ACTUAL", percent = 80 }, { kind = "FORECASTED", percent = 100 }]

    content {
      comparison_operator       = "GREATER_THAN"
      notification_type         = notification.value.kind
      threshold                 = notification.value.percent
      threshold_type            = "PERCENTAGE"
      subscriber_sns_topic_arns = [aws_sns_topic.alarms.arn]
    }
  }

  depends_on = [aws_sns_topic_policy.alarms]
}
