# Two Lambdas behind one HTTP API. Not Function URLs: a public one needs a permission that leaves direct Invoke open, and
# has no throttling and no access log.

locals {
  # One name for what is deployed together: the relay's image and the functions' code.
  release = substr(sha256(join(" ", concat([var.relay_image_tag], [for part in ["webhook", "transfer"] : filebase64sha256("${var.package_directory}/${part}-aws-${var.architecture}.zip")]))), 0, 12)

  # Who may do what with which prefix of the bucket: the table in docs/contracts.md.
  functions = {
    webhook = {
      handler     = "functions.webhook.aws.handler"
      memory      = 512
      timeout     = 120 # the sweep's; over HTTP the API gives up after 30
      reserved    = var.webhook_reserved_concurrency
      reads       = ["audio", "calls", "config", "conversations", "inbox", "logs", "pending", "recordings"]
      writes      = ["audio", "callers", "calls", "conversations", "inbox", "logs", "pending", "recordings"]
      deletes     = ["pending", "recordings"]
      secrets     = { EVENTS_SECRET = "events_secret", ELEVENLABS_API_KEY = "elevenlabs_api_key", ELEVENLABS_WEBHOOK_SECRET = "elevenlabs_webhook_secret", RAW_BODIES_KEY = "raw_bodies_key" }
      environment = merge({ ELEVENLABS_REGION = var.elevenlabs_region }, var.webhook_environment)
    }
    transfer = {
      handler     = "functions.transfer.aws.handler"
      memory      = 512
      timeout     = 15
      reserved    = var.transfer_reserved_concurrency
      reads       = ["callers", "calls", "conversations", "logs"]
      writes      = ["calls", "conversations", "logs", "pending"]
      deletes     = []
      secrets     = { EXOTEL_TOKEN = "exotel_token" }
      environment = var.transfer_environment
    }
  }

  # Setting → secret, of those that are set.
  function_secrets = { for function, one in local.functions : function => { for setting, secret in one.secrets : setting => secret if contains(keys(var.secret_versions), secret) } }

  function_environment = { for function, one in local.functions : function => merge(local.transfer_environment, one.environment, { STORE = "s3://${aws_s3_bucket.records.bucket}" }) }

  # Lambda measures all variables together, as JSON. An ARN and a version are known only after the apply, but not their
  # lengths. base64 counts bytes, and length characters.
  function_environment_bytes = {
    for function, plain in local.function_environment : function => ceil(length(base64encode(jsonencode(merge(
      plain,
      { SECRET_VERSIONS = join(" ", [for secret in values(local.function_secrets[function]) : "00000000-0000-0000-0000-000000000000"]) },
      { for setting, secret in local.function_secrets[function] : "${setting}_ARN" => "arn:${local.partition}:secretsmanager:${var.region}:${local.account}:secret:${var.name}/${local.secrets[secret].entry}-000000" },
    )))) * 3 / 4)
  }

  routes = {
    "POST /webhook/post-call"  = "webhook"
    "POST /relay/events"       = "webhook"
    "GET /relay/agents"        = "webhook"
    "GET /relay/agents/file"   = "webhook"
    "GET /exotel/connect"      = "transfer"
    "GET /exotel/passthru"     = "transfer"
    "POST /exotel/passthru"    = "transfer"
    "GET /exotel/dial-events"  = "transfer"
    "POST /exotel/dial-events" = "transfer"
  }
}

resource "aws_cloudwatch_log_group" "function" {
  for_each = local.functions

  name              = "/aws/lambda/${var.name}-${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key
}

data "aws_iam_policy_document" "lambda" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "function" {
  for_each = local.functions

  name                 = "${var.name}-${var.region}-${each.key}"
  description          = "The ${each.key} function: its secrets, its prefixes of the bucket, its log"
  assume_role_policy   = data.aws_iam_policy_document.lambda.json
  permissions_boundary = local.permissions_boundary

  # Roles belong to an account, not to a region, so their names include it. The new one exists before the old one is deleted.
  lifecycle {
    create_before_destroy = true
  }
}

data "aws_iam_policy_document" "function" {
  for_each = local.functions

  dynamic "statement" {
    for_each = { for action, prefixes in { Get = each.value.reads, Put = each.value.writes, Delete = each.value.deletes } : action => prefixes if length(prefixes) > 0 }

    content {
      sid       = statement.key
      actions   = ["s3:${statement.key}Object"]
      resources = [for prefix in statement.value : "${aws_s3_bucket.records.arn}/${prefix}/*"]
    }
  }

  statement {
    sid       = "List"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.records.arn]

    # IfExists: S3 asks for this permission also to say 404 rather than 403 of a missing key, and names no prefix then.
    condition {
      test     = "StringLikeIfExists"
      variable = "s3:prefix"
      values   = [for prefix in distinct(concat(each.value.reads, each.value.writes)) : "${prefix}/*"]
    }
  }

  statement {
    sid       = "Secrets"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [for secret in values(local.function_secrets[each.key]) : local.secret_arns[secret]]
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.function[each.key].arn}:*"]
  }

  # The records, the secrets, and what Lambda keeps of the environment, which holds numbers of people.
  dynamic "statement" {
    for_each = local.kms_keys

    content {
      sid       = "Key"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = each.key == "webhook" ? [1] : []

    content {
      sid       = "FailedSweeps"
      actions   = ["sqs:SendMessage"]
      resources = [aws_sqs_queue.failed_sweeps.arn]
    }
  }
}

resource "aws_iam_role_policy" "function" {
  for_each = local.functions

  name   = "function"
  role   = aws_iam_role.function[each.key].id
  policy = data.aws_iam_policy_document.function[each.key].json
}

resource "aws_lambda_function" "function" {
  for_each = local.functions

  function_name                  = "${var.name}-${each.key}"
  description                    = "release ${local.release}"
  publish                        = true # a numbered version of each release, for make rollback-aws
  role                           = aws_iam_role.function[each.key].arn
  runtime                        = "python3.13"
  architectures                  = [var.architecture]
  handler                        = each.value.handler
  filename                       = "${var.package_directory}/${each.key}-aws-${var.architecture}.zip"
  source_code_hash               = filebase64sha256("${var.package_directory}/${each.key}-aws-${var.architecture}.zip")
  memory_size                    = each.value.memory
  timeout                        = each.value.timeout
  reserved_concurrent_executions = each.value.reserved
  kms_key_arn                    = local.kms_key

  environment {
    variables = merge(
      local.function_environment[each.key],
      {
        # Changes with a secret, and so ends the environments that have cached the old one.
        SECRET_VERSIONS = join(" ", [for secret in values(local.function_secrets[each.key]) : local.secret_version_ids[secret]])
      },
      { for setting, secret in local.function_secrets[each.key] : "${setting}_ARN" => local.secret_arns[secret] },
    )
  }

  lifecycle {
    precondition {
      condition     = local.function_environment_bytes[each.key] <= 4096
      error_message = "The settings of the ${each.key} function have ${local.function_environment_bytes[each.key]} bytes, and Lambda takes 4,096: shorten the longest, such as PRICES in webhook_environment or TRANSFER_TARGETS."
    }
  }

  depends_on = [aws_iam_role_policy.function, aws_cloudwatch_log_group.function]
}

# What is asked, by the API and by the schedule. A deploy points it at the version that it has made; make rollback-aws points it
# at an earlier one, code and settings at once, while requests go on.
resource "aws_lambda_alias" "live" {
  for_each = local.functions

  name             = "live"
  description      = "The release that serves"
  function_name    = aws_lambda_function.function[each.key].function_name
  function_version = aws_lambda_function.function[each.key].version
}

# --- HTTP API -----------------------------------------------------------------------------------------------------

resource "aws_apigatewayv2_api" "functions" {
  name          = var.name
  description   = "Webhooks, relay events and Exotel's requests"
  protocol_type = "HTTP"
}

resource "aws_cloudwatch_log_group" "api" {
  name              = "/${var.name}/api"
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key
}

resource "aws_apigatewayv2_stage" "default" {
  api_id      = aws_apigatewayv2_api.functions.id
  name        = "$default"
  auto_deploy = true

  # What no route asks for is refused by the API itself, and need not be many.
  default_route_settings {
    throttling_rate_limit  = 1
    throttling_burst_limit = 10
  }

  # Each route has tokens of its own: a flood of webhooks takes none of Connect's.
  dynamic "route_settings" {
    for_each = local.routes

    content {
      route_key              = route_settings.key
      throttling_rate_limit  = var.api_rate_limit
      throttling_burst_limit = var.api_rate_limit * 2
    }
  }

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.api.arn
    # The path without its query, which holds Exotel's token and the caller's number.
    format = jsonencode({
      time           = "$context.requestTime"
      method         = "$context.httpMethod"
      path           = "$context.path"
      status         = "$context.status"
      latency_ms     = "$context.responseLatency"
      integration_ms = "$context.integrationLatency"
      source_ip      = "$context.identity.sourceIp"
      request_id     = "$context.requestId"
      error          = "$context.integrationErrorMessage"
    })
  }

  # Settings for a route are refused before there is one.
  depends_on = [aws_apigatewayv2_route.route]
}

resource "aws_apigatewayv2_integration" "function" {
  for_each = local.functions

  api_id                 = aws_apigatewayv2_api.functions.id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_alias.live[each.key].invoke_arn
  payload_format_version = "2.0"
  timeout_milliseconds   = min(each.value.timeout, 30) * 1000

  # The API may ask before it asks, and what it asked before goes last.
  depends_on = [aws_lambda_permission.api]
}

# Nothing is authorised here: each function checks a signature or a token itself, which Exotel and ElevenLabs can give.
resource "aws_apigatewayv2_route" "route" {
  for_each = local.routes

  api_id             = aws_apigatewayv2_api.functions.id
  route_key          = each.key
  target             = "integrations/${aws_apigatewayv2_integration.function[each.value].id}"
  authorization_type = "NONE"
}

resource "aws_lambda_permission" "api" {
  for_each = local.functions

  statement_id  = "api-live"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.function[each.key].function_name
  qualifier     = aws_lambda_alias.live[each.key].name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.functions.execution_arn}/$default/*"

  lifecycle {
    create_before_destroy = true
  }
}

# --- Sweep --------------------------------------------------------------------------------------------------------

resource "aws_sqs_queue" "failed_sweeps" {
  name                      = "${var.name}-failed-sweeps"
  message_retention_seconds = 14 * 24 * 3600
  sqs_managed_sse_enabled   = true
}

# Lambda takes the schedule's event at once; what fails afterwards is Lambda's to retry and to set aside.
resource "aws_lambda_function_event_invoke_config" "sweep" {
  function_name                = aws_lambda_function.function["webhook"].function_name
  qualifier                    = aws_lambda_alias.live["webhook"].name
  maximum_retry_attempts       = 1
  maximum_event_age_in_seconds = var.sweep_minutes * 60

  destination_config {
    on_failure {
      destination = aws_sqs_queue.failed_sweeps.arn
    }
  }
}

resource "aws_iam_role" "sweep" {
  name                 = "${var.name}-${var.region}-sweep"
  description          = "The schedule: invoke the webhook function, set aside what could not be"
  assume_role_policy   = data.aws_iam_policy_document.assumed_by["scheduler"].json
  permissions_boundary = local.permissions_boundary

  # Roles belong to an account, not to a region, so their names include it. The new one exists before the old one is deleted.
  lifecycle {
    create_before_destroy = true
  }
}

data "aws_iam_policy_document" "sweep" {
  statement {
    sid       = "Invoke"
    actions   = ["lambda:InvokeFunction"]
    resources = [aws_lambda_alias.live["webhook"].arn]
  }

  statement {
    sid       = "SetAside"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.failed_sweeps.arn]
  }
}

resource "aws_iam_role_policy" "sweep" {
  name   = "sweep"
  role   = aws_iam_role.sweep.id
  policy = data.aws_iam_policy_document.sweep.json
}

resource "aws_scheduler_schedule" "sweep" {
  name                = "${var.name}-sweep"
  description         = "Repairs calls whose webhook never came"
  schedule_expression = "rate(${var.sweep_minutes} minutes)"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_alias.live["webhook"].arn
    role_arn = aws_iam_role.sweep.arn
    input    = jsonencode({ sweep = true })

    retry_policy {
      maximum_event_age_in_seconds = var.sweep_minutes * 60
      maximum_retry_attempts       = 3
    }

    dead_letter_config {
      arn = aws_sqs_queue.failed_sweeps.arn
    }
  }

  depends_on = [aws_iam_role_policy.sweep]
}
