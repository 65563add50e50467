# ECS on Fargate. Not App Runner: it answers WebSocket upgrades with 403.

locals {
  # On both clouds: relay_environment wins over what is only a default. What the rest of these files, or the cloud's own
  # limits, count on is refused there (variables.tf) and set here.
  relay_environment = merge(
    {
      PUBLIC_URL        = "wss://${local.public_name}"
      ELEVENLABS_REGION = var.elevenlabs_region
      EVENTS_URL        = "${aws_apigatewayv2_api.functions.api_endpoint}/relay/events"
      STATS_SECONDS     = "15"
    },
    var.elevenlabs_agent_id == "" ? {} : { ELEVENLABS_AGENT_ID = var.elevenlabs_agent_id },
    var.lookup_url == "" ? {} : {
      LOOKUP_URL     = var.lookup_url
      LOOKUP_SECONDS = tostring(var.lookup_seconds)
      LOOKUP_SHAPE   = var.lookup_shape
    },
    var.relay_environment,
    {
      PORT              = tostring(local.relay_port)
      MAX_CALLS         = tostring(local.relay_max_calls)
      DRAIN_SECONDS     = tostring(local.stop_timeout_seconds - 10)
      METRICS_NAMESPACE = local.metrics_namespace
    },
  )

  relay_own_secrets = {
    for setting, secret in { ELEVENLABS_API_KEY = "elevenlabs_api_key", MEDIA_TOKEN = "media_token", CONTROL_TOKEN = "control_token", EVENTS_SECRET = "events_secret" } :
    setting => secret if contains(keys(var.secret_versions), secret)
  }
  relay_secrets = merge(
    { for setting, secret in local.relay_own_secrets : setting => "${local.secret_arns[secret]}:::${local.secret_version_ids[secret]}" },
    var.relay_secrets,
  )

  # The most that Fargate allows between SIGTERM and SIGKILL.
  stop_timeout_seconds = 120
}

resource "aws_ecr_repository" "relay" {
  name                 = "${var.name}-relay"
  image_tag_mutability = "IMMUTABLE"
  force_delete         = true # an image is made again from the source at any time

  image_scanning_configuration {
    scan_on_push = true
  }
}

resource "aws_ecr_lifecycle_policy" "relay" {
  repository = aws_ecr_repository.relay.name

  policy = jsonencode({
    rules = [{
      rulePriority = 1
      description  = "Enough to go back to"
      selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 20 }
      action       = { type = "expire" }
    }]
  })
}

resource "aws_cloudwatch_log_group" "relay" {
  name              = "/${var.name}/relay"
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key
}

# --- Roles --------------------------------------------------------------------------------------------------------

resource "aws_iam_role" "relay_start" {
  name                 = "${var.name}-${var.region}-relay-start"
  description          = "ECS itself, to start a relay task: image, secrets, log"
  assume_role_policy   = data.aws_iam_policy_document.assumed_by["ecs-tasks"].json
  permissions_boundary = local.permissions_boundary

  # Roles belong to an account, not to a region, so their names include it. The new one exists before the old one is deleted.
  lifecycle {
    create_before_destroy = true
  }
}

data "aws_iam_policy_document" "relay_start" {
  statement {
    sid       = "RegistryLogin"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"] # this action knows no narrower resource
  }

  statement {
    sid       = "Image"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [aws_ecr_repository.relay.arn]
  }

  statement {
    sid     = "Secrets"
    actions = ["secretsmanager:GetSecretValue"]
    resources = concat(
      [for secret in values(local.relay_own_secrets) : local.secret_arns[secret]],
      # An ARN may go on with :json-key:stage:version.
      [for arn in values(var.relay_secrets) : join(":", slice(split(":", arn), 0, 7))],
    )
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.relay.arn}:*"]
  }

  dynamic "statement" {
    for_each = local.kms_keys

    content {
      sid       = "Key"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role_policy" "relay_start" {
  name   = "start"
  role   = aws_iam_role.relay_start.id
  policy = data.aws_iam_policy_document.relay_start.json
}

resource "aws_iam_role" "relay" {
  name                 = "${var.name}-${var.region}-relay"
  description          = "The relay: protecting its own task while it has calls, and asking whether a newer release runs"
  assume_role_policy   = data.aws_iam_policy_document.assumed_by["ecs-tasks"].json
  permissions_boundary = local.permissions_boundary

  # Roles belong to an account, not to a region, so their names include it. The new one exists before the old one is deleted.
  lifecycle {
    create_before_destroy = true
  }
}

data "aws_iam_policy_document" "relay" {
  statement {
    sid       = "Protection"
    actions   = ["ecs:DescribeTasks", "ecs:GetTaskProtection", "ecs:UpdateTaskProtection"]
    resources = ["arn:${local.partition}:ecs:${var.region}:${local.account}:task/${aws_ecs_cluster.main.name}/*"]
  }

  # Is there a newer release? Then it retires (relay/aws/retirement.py).
  statement {
    sid       = "Release"
    actions   = ["ecs:DescribeServices"]
    resources = ["arn:${local.partition}:ecs:${var.region}:${local.account}:service/${aws_ecs_cluster.main.name}/relay"]
  }
}

resource "aws_iam_role_policy" "relay" {
  name   = "protection"
  role   = aws_iam_role.relay.id
  policy = data.aws_iam_policy_document.relay.json
}

# --- Service ------------------------------------------------------------------------------------------------------

resource "aws_ecs_cluster" "main" {
  name = var.name

  setting {
    name  = "containerInsights"
    value = "disabled" # the relay's own log lines say more, for less
  }
}

resource "aws_ecs_task_definition" "relay" {
  family                   = "${var.name}-relay"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.relay_cpu
  memory                   = var.relay_memory
  execution_role_arn       = aws_iam_role.relay_start.arn
  skip_destroy             = true # make rollback-aws goes back to it
  task_role_arn            = aws_iam_role.relay.arn

  # Two of one name are refused in the middle of an apply.
  lifecycle {
    precondition {
      condition     = length(setintersection(keys(local.relay_environment), keys(var.relay_secrets))) == 0
      error_message = "relay_secrets: ${join(", ", setintersection(keys(local.relay_environment), keys(var.relay_secrets)))} is a plain setting too; keep one of them."
    }
  }

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.architecture == "arm64" ? "ARM64" : "X86_64"
  }

  volume {
    name = "tmp"
  }

  container_definitions = jsonencode([{
    name                   = "relay"
    image                  = "${aws_ecr_repository.relay.repository_url}:${var.relay_image_tag}"
    essential              = true
    user                   = "10001:10001"
    readonlyRootFilesystem = true
    stopTimeout            = local.stop_timeout_seconds
    dockerLabels           = { release = local.release }
    portMappings           = [{ containerPort = local.relay_port, hostPort = local.relay_port, protocol = "tcp" }]
    environment            = [for name in sort(keys(local.relay_environment)) : { name = name, value = local.relay_environment[name] }]
    secrets                = [for name in sort(keys(local.relay_secrets)) : { name = name, valueFrom = local.relay_secrets[name] }]
    linuxParameters        = { capabilities = { drop = ["ALL"] } }
    # Pieces of recordings wait here to be uploaded. It is the task's own disk, encrypted, and gone with the task.
    mountPoints = [{ sourceVolume = "tmp", containerPath = "/tmp", readOnly = false }]
    ulimits     = [{ name = "nofile", softLimit = 65535, hardLimit = 65535 }]

    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.relay.name
        awslogs-region        = var.region
        awslogs-stream-prefix = "relay"
        # A slow CloudWatch must not stop the event loop at a print.
        mode            = "non-blocking"
        max-buffer-size = "4m"
      }
    }
  }])
}

resource "aws_ecs_service" "relay" {
  name            = "relay"
  cluster         = aws_ecs_cluster.main.id
  task_definition = aws_ecs_task_definition.relay.arn
  desired_count   = var.relay_min_tasks
  launch_type     = "FARGATE" # not Spot: a reclaimed task takes its calls with it

  # A deploy starts the new tasks first and stops an old one only when its calls are over.
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  health_check_grace_period_seconds  = 60
  propagate_tags                     = "SERVICE"

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = local.relay_subnets
    security_groups  = [aws_security_group.relay.id]
    assign_public_ip = local.relay_is_public # the way out; see network.tf
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.relay.arn
    container_name   = "relay"
    container_port   = local.relay_port
  }

  # Autoscaling's.
  lifecycle {
    ignore_changes = [desired_count]
  }

  depends_on = [
    aws_lb_listener.https,
    aws_lb_listener_rule.from_cloudfront,
    aws_iam_role_policy.relay_start,
    aws_iam_role_policy.relay,
    # A new events secret is accepted before a relay signs with it.
    aws_lambda_function.function,
  ]
}

# --- Scaling ------------------------------------------------------------------------------------------------------
# By `Utilisation`: calls for each hundred that a task takes, said every 15 seconds by the tasks that take calls, and by no
# other: one that has retired, or that waits out the balancer's hour without a call, does not pull the average down. It comes
# with the relays' log lines, in CloudWatch's embedded metric format, and is kept by the second, so that half a minute is
# enough to see it. Out in steps, in one task at a time, and slowly.

locals {
  # With n tasks below this, n - 1 tasks stay below scale_out_percent for every n from 2: no to and fro.
  scale_in_percent = floor(var.scale_out_percent * 0.4)
}

resource "aws_appautoscaling_target" "relay" {
  service_namespace  = "ecs"
  resource_id        = "service/${aws_ecs_cluster.main.name}/${aws_ecs_service.relay.name}"
  scalable_dimension = "ecs:service:DesiredCount"
  min_capacity       = var.relay_min_tasks
  max_capacity       = var.relay_max_tasks
}

resource "aws_appautoscaling_policy" "out_on_calls" {
  name               = "${var.name}-out-on-calls"
  policy_type        = "StepScaling"
  service_namespace  = aws_appautoscaling_target.relay.service_namespace
  resource_id        = aws_appautoscaling_target.relay.resource_id
  scalable_dimension = aws_appautoscaling_target.relay.scalable_dimension

  step_scaling_policy_configuration {
    adjustment_type          = "PercentChangeInCapacity"
    cooldown                 = 60
    metric_aggregation_type  = "Average"
    min_adjustment_magnitude = 1

    # Bounds are points above the alarm's threshold.
    step_adjustment {
      metric_interval_lower_bound = 0
      metric_interval_upper_bound = 15
      scaling_adjustment          = 25
    }
    step_adjustment {
      metric_interval_lower_bound = 15
      metric_interval_upper_bound = 30
      scaling_adjustment          = 50
    }
    step_adjustment {
      metric_interval_lower_bound = 30
      scaling_adjustment          = 100
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "many_calls" {
  alarm_name          = "${var.name}-scale-out"
  alarm_description   = "Not for people: adds relay tasks while they are ${var.scale_out_percent} % full of calls or more on average."
  namespace           = local.metrics_namespace
  metric_name         = "Utilisation"
  statistic           = "Average"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = var.scale_out_percent
  period              = 30
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_appautoscaling_policy.out_on_calls.arn]
}

resource "aws_appautoscaling_policy" "out_on_cpu" {
  name               = "${var.name}-out-on-cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.relay.service_namespace
  resource_id        = aws_appautoscaling_target.relay.resource_id
  scalable_dimension = aws_appautoscaling_target.relay.scalable_dimension

  target_tracking_scaling_policy_configuration {
    target_value       = 60
    scale_out_cooldown = 60
    disable_scale_in   = true

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}

resource "aws_appautoscaling_policy" "in_one_by_one" {
  name               = "${var.name}-in-one-by-one"
  policy_type        = "StepScaling"
  service_namespace  = aws_appautoscaling_target.relay.service_namespace
  resource_id        = aws_appautoscaling_target.relay.resource_id
  scalable_dimension = aws_appautoscaling_target.relay.scalable_dimension

  step_scaling_policy_configuration {
    adjustment_type         = "ChangeInCapacity"
    cooldown                = 300
    metric_aggregation_type = "Average"

    step_adjustment {
      metric_interval_upper_bound = 0
      scaling_adjustment          = -1
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "few_calls" {
  alarm_name          = "${var.name}-scale-in"
  alarm_description   = "Not for people: takes one relay task away while they are ${local.scale_in_percent} % full of calls or less on average."
  namespace           = local.metrics_namespace
  metric_name         = "Utilisation"
  statistic           = "Average"
  comparison_operator = "LessThanOrEqualToThreshold"
  threshold           = local.scale_in_percent
  period              = 60
  evaluation_periods  = 15
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_appautoscaling_policy.in_one_by_one.arn]
}

# For known peaks: starts tasks before them, so that no caller waits for one.
resource "aws_appautoscaling_scheduled_action" "relay" {
  for_each = var.relay_schedule

  name               = "${var.name}-${each.key}"
  service_namespace  = aws_appautoscaling_target.relay.service_namespace
  resource_id        = aws_appautoscaling_target.relay.resource_id
  scalable_dimension = aws_appautoscaling_target.relay.scalable_dimension
  schedule           = each.value.schedule
  timezone           = each.value.timezone

  scalable_target_action {
    min_capacity = each.value.min_tasks
    max_capacity = max(each.value.min_tasks, var.relay_max_tasks)
  }
}
