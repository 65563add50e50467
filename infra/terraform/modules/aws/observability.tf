# Metrics are made of the parts' log lines (docs/contracts.md). Only what an alarm or the scaling needs becomes a metric;
# the dashboard asks the logs for the rest.

locals {
  metrics_namespace = var.name

  log_metrics = {
    Calls      = { group = aws_cloudwatch_log_group.relay.name, pattern = "{ $.event = \"relay_stats\" }", value = "$.calls", unit = "Count", counts = false }
    CallsEnded = { group = aws_cloudwatch_log_group.relay.name, pattern = "{ $.event = \"call_ended\" }", value = "1", unit = "Count", counts = true }
    Gaps       = { group = aws_cloudwatch_log_group.relay.name, pattern = "{ $.event = \"call_ended\" && $.gaps >= 0 }", value = "$.gaps", unit = "Count", counts = true }
    # Of each call the median of its turns.
    AnswerMs          = { group = aws_cloudwatch_log_group.relay.name, pattern = "{ $.event = \"call_ended\" && $.answer_ms.p50 >= 0 }", value = "$.answer_ms.p50", unit = "Milliseconds", counts = false }
    AgentsFailed      = { group = aws_cloudwatch_log_group.relay.name, pattern = "{ $.event = \"agent_failed\" }", value = "1", unit = "Count", counts = true }
    EventsUndelivered = { group = aws_cloudwatch_log_group.relay.name, pattern = "{ $.event = \"event_undelivered\" }", value = "1", unit = "Count", counts = true }
    AgentsRefused     = { group = aws_cloudwatch_log_group.relay.name, pattern = "{ $.event = \"agents_refused\" }", value = "1", unit = "Count", counts = true }
    LogLinesDropped   = { group = aws_cloudwatch_log_group.relay.name, pattern = "{ $.event = \"log_lines_dropped\" }", value = "$.dropped", unit = "Count", counts = true }
    # Scans of the internet are refused as unauthorized, all day long; none of them is a lost call.
    CallsRefused     = { group = aws_cloudwatch_log_group.relay.name, pattern = "{ $.event = \"call_refused\" && $.reason != \"unauthorized\" }", value = "1", unit = "Count", counts = true }
    WebhooksReceived = { group = aws_cloudwatch_log_group.function["webhook"].name, pattern = "{ $.event = \"webhook_received\" }", value = "1", unit = "Count", counts = true }
    Unverified       = { group = aws_cloudwatch_log_group.function["webhook"].name, pattern = "{ $.event = \"conversation_unverified\" }", value = "1", unit = "Count", counts = true }
    WebhooksRefused  = { group = aws_cloudwatch_log_group.function["webhook"].name, pattern = "{ $.event = \"webhook_refused\" }", value = "1", unit = "Count", counts = true }
    TransfersMissed  = { group = aws_cloudwatch_log_group.function["webhook"].name, pattern = "{ $.event = \"transfer_missed\" }", value = "1", unit = "Count", counts = true }
    SweepsDone       = { group = aws_cloudwatch_log_group.function["webhook"].name, pattern = "{ $.event = \"sweep_done\" }", value = "1", unit = "Count", counts = true }
    SweepFailures    = { group = aws_cloudwatch_log_group.function["webhook"].name, pattern = "{ $.event = \"sweep_done\" }", value = "$.failed", unit = "Count", counts = true }
    ExotelRefused    = { group = aws_cloudwatch_log_group.function["transfer"].name, pattern = "{ $.event = \"exotel_refused\" }", value = "1", unit = "Count", counts = true }
    # An undecided Connect request answers 503 on purpose (docs/functions.md); the API's own 503 carries an error.
    ApiFailed = { group = aws_cloudwatch_log_group.api.name, pattern = "{ ($.status = \"5*\") && (($.status != \"503\") || ($.path != \"/exotel/connect\") || ($.error != \"-\")) }", value = "1", unit = "Count", counts = true }
  }
}

resource "aws_cloudwatch_log_metric_filter" "metric" {
  for_each = local.log_metrics

  name           = "${var.name}-${each.key}"
  log_group_name = each.value.group
  pattern        = each.value.pattern

  metric_transformation {
    namespace = local.metrics_namespace
    name      = each.key
    value     = each.value.value
    unit      = each.value.unit
    # No line of this kind is a count of 0; it is not a measurement of 0.
    default_value = each.value.counts ? "0" : null
  }
}

resource "aws_sns_topic" "alarms" {
  name = "${var.name}-alarms"
}

resource "aws_sns_topic_subscription" "mail" {
  count = var.alarm_email == "" ? 0 : 1

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

# --- Alarms: one metric over a threshold --------------------------------------------------------------------------

locals {
  balancer_dimensions = { LoadBalancer = aws_lb.relay.arn_suffix, TargetGroup = aws_lb_target_group.relay.arn_suffix }

  alarms = merge(
    {
      calls-refused            = { says = "Callers were refused: the relays were full or draining, or the call asked for an agent that is not configured.", namespace = local.metrics_namespace, metric = "CallsRefused", dimensions = {}, statistic = "Sum", threshold = 1, period = 300, periods = 1 }
      agents-failed            = { says = "Agents could not be reached or were lost; calls go to their fallback.", namespace = local.metrics_namespace, metric = "AgentsFailed", dimensions = {}, statistic = "Sum", threshold = 3, period = 300, periods = 1 }
      answers-slow             = { says = "For half an hour callers waited long for the agents' answers. Their calls' answer_ms says where the time goes: is the vendor slow, or a tool?", namespace = local.metrics_namespace, metric = "AnswerMs", dimensions = {}, statistic = "Average", threshold = 3000, period = 900, periods = 2 }
      events-undelivered       = { says = "The relay could not deliver events; they are in its log under event_undelivered, whole, to be replayed.", namespace = local.metrics_namespace, metric = "EventsUndelivered", dimensions = {}, statistic = "Sum", threshold = 1, period = 300, periods = 1 }
      agents-refused           = { says = "A version of the agents' file that was pushed can't be used: the relays go on with the one before. make agents-history, make agents-rollback.", namespace = local.metrics_namespace, metric = "AgentsRefused", dimensions = {}, statistic = "Sum", threshold = 1, period = 300, periods = 1 }
      webhooks-refused         = { says = "Webhooks or events with a wrong signature: is the webhook secret that of ElevenLabs?", namespace = local.metrics_namespace, metric = "WebhooksRefused", dimensions = {}, statistic = "Sum", threshold = 5, period = 300, periods = 1 }
      conversations-unverified = { says = "Conversations name a call without the relay's proof, and are kept aside. Is an agent public, or the webhook the whole workspace's (SECURITY.md)?", namespace = local.metrics_namespace, metric = "Unverified", dimensions = {}, statistic = "Sum", threshold = 1, period = 300, periods = 1 }
      sweep-failures           = { says = "The sweep could not repair calls: their transcripts are missing.", namespace = local.metrics_namespace, metric = "SweepFailures", dimensions = {}, statistic = "Sum", threshold = 1, period = 3600, periods = 2 }
      transfers-missed         = { says = "A human was requested, and nobody was dialled: is there a Connect applet behind the Voicebot, and is the target in transfer_targets?", namespace = local.metrics_namespace, metric = "TransfersMissed", dimensions = {}, statistic = "Sum", threshold = 1, period = 900, periods = 1 }
      exotel-refused           = { says = "Exotel's requests were refused: is the token in the applets' URLs the current one? make deploy-aws prints them.", namespace = local.metrics_namespace, metric = "ExotelRefused", dimensions = {}, statistic = "Sum", threshold = 5, period = 300, periods = 1 }
      api-5xx                  = { says = "The functions' API answered 5xx, other than the 503 by which Exotel is asked to come again.", namespace = local.metrics_namespace, metric = "ApiFailed", dimensions = {}, statistic = "Sum", threshold = 3, period = 300, periods = 1 }
      near-capacity            = { says = "The relays are nearly full of calls, and adding tasks does not help enough. Are there relay_max_tasks already?", namespace = local.metrics_namespace, metric = "Utilisation", dimensions = {}, statistic = "Average", threshold = 85, period = 60, periods = 5 }
      log-lines-dropped        = { says = "A relay could not write its log: what it tells is not complete.", namespace = local.metrics_namespace, metric = "LogLinesDropped", dimensions = {}, statistic = "Sum", threshold = 1, period = 300, periods = 1 }
      relay-cpu                = { says = "Relay tasks are short of CPU: callers hear it. Are there relay_max_tasks already?", namespace = "AWS/ECS", metric = "CPUUtilization", dimensions = { ClusterName = aws_ecs_cluster.main.name, ServiceName = aws_ecs_service.relay.name }, statistic = "Average", threshold = 85, period = 60, periods = 5 }
    },
    { for name, function in aws_lambda_function.function : "${name}-errors" => { says = "The ${name} function failed.", namespace = "AWS/Lambda", metric = "Errors", dimensions = { FunctionName = function.function_name }, statistic = "Sum", threshold = 1, period = 300, periods = 1 } },
    { for name, function in aws_lambda_function.function : "${name}-throttled" => { says = "The ${name} function was called more often than its concurrency allows.", namespace = "AWS/Lambda", metric = "Throttles", dimensions = { FunctionName = function.function_name }, statistic = "Sum", threshold = 1, period = 300, periods = 1 } },
  )
}

resource "aws_cloudwatch_metric_alarm" "over" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.says
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = lookup(var.alarm_thresholds, each.key, each.value.threshold)
  period              = each.value.period
  evaluation_periods  = each.value.periods
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# --- A deployment that failed -------------------------------------------------------------------------------------
# ECS goes back to the tasks before by itself; somebody should know.

resource "aws_cloudwatch_event_rule" "deployment_failed" {
  name        = "${var.name}-deployment-failed"
  description = "ECS gave up a deployment of the relay"

  event_pattern = jsonencode({
    source      = ["aws.ecs"]
    detail-type = ["ECS Deployment State Change"]
    resources   = [aws_ecs_service.relay.id]
    detail      = { eventName = ["SERVICE_DEPLOYMENT_FAILED"] }
  })
}

resource "aws_cloudwatch_event_target" "deployment_failed" {
  rule = aws_cloudwatch_event_rule.deployment_failed.name
  arn  = aws_sns_topic.alarms.arn

  input_transformer {
    input_paths    = { reason = "$.detail.reason" }
    input_template = "\"${var.name}: a deployment of the relay failed, and ECS rolled back to the previous tasks: <reason>\""
  }
}

data "aws_iam_policy_document" "alarms" {
  statement {
    sid       = "Alarms"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "Service"
      identifiers = concat(["cloudwatch.amazonaws.com", "events.amazonaws.com"], var.monthly_budget_usd > 0 ? ["budgets.amazonaws.com"] : [])
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.alarms.json
}

# --- Alarms that need more ----------------------------------------------------------------------------------------

resource "aws_cloudwatch_metric_alarm" "few_healthy_tasks" {
  alarm_name          = "${var.name}-few-healthy-tasks"
  alarm_description   = "Fewer relay tasks are healthy than the minimum: a failure of a zone would end more calls."
  namespace           = "AWS/ApplicationELB"
  metric_name         = "HealthyHostCount"
  dimensions          = local.balancer_dimensions
  statistic           = "Maximum"
  comparison_operator = "LessThanThreshold"
  threshold           = lookup(var.alarm_thresholds, "few-healthy-tasks", var.relay_min_tasks)
  period              = 60
  evaluation_periods  = 10
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# By its own line, and not by the queue of what failed: a message stays there for 14 days, and so would the alarm.
resource "aws_cloudwatch_metric_alarm" "sweep_not_run" {
  alarm_name          = "${var.name}-sweep-not-run"
  alarm_description   = "The sweep has not run for three of its intervals. Look at its log; what the schedule could not run is in the queue ${var.name}-failed-sweeps."
  namespace           = local.metrics_namespace
  metric_name         = "SweepsDone"
  statistic           = "Sum"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  period              = var.sweep_minutes * 60
  evaluation_periods  = 3
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  depends_on = [aws_scheduler_schedule.sweep] # its first run is at once
}

resource "aws_cloudwatch_metric_alarm" "no_healthy_task" {
  alarm_name          = "${var.name}-no-healthy-task"
  alarm_description   = "No relay task is healthy: no caller gets through."
  namespace           = "AWS/ApplicationELB"
  metric_name         = "HealthyHostCount"
  dimensions          = local.balancer_dimensions
  statistic           = "Maximum"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  period              = 60
  evaluation_periods  = 2
  treat_missing_data  = "breaching" # a balancer without targets reports nothing
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

locals {
  # Silence is a fault only where a webhook is set up, and only where calls are expected.
  computed_alarms = {
    for name, alarm in local.possible_computed_alarms : name => alarm
    if lookup({ webhook-silence = contains(keys(var.secret_versions), "elevenlabs_webhook_secret"), no-calls = var.calls_expected != null }, name, true)
  }
  # In UTC, as CloudWatch reads its clock.
  expected = var.calls_expected == null ? "0" : "HOUR(ended) >= ${var.calls_expected.from_hour_utc} AND HOUR(ended) < ${var.calls_expected.to_hour_utc} AND DAY(ended) <= ${var.calls_expected.last_weekday}"

  possible_computed_alarms = {
    relay-5xx = {
      says       = "The load balancer or the relay answered 5xx."
      expression = "FILL(relay, 0) + FILL(balancer, 0)"
      period     = 300, periods = 1, of = 1, threshold = 5
      metrics = {
        relay    = { namespace = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count", dimensions = local.balancer_dimensions }
        balancer = { namespace = "AWS/ApplicationELB", metric = "HTTPCode_ELB_5XX_Count", dimensions = { LoadBalancer = aws_lb.relay.arn_suffix } }
      }
    }
    no-calls = {
      says       = "No call has ended for two hours in which there should be some: does the number still lead to the Voicebot applet?"
      expression = "IF(${local.expected}, IF(FILL(ended, 0) == 0, 1, 0), 0)"
      period     = 3600, periods = 2, of = 2, threshold = 1
      metrics    = { ended = { namespace = local.metrics_namespace, metric = "CallsEnded", dimensions = {} } }
    }
    webhook-silence = {
      says       = "Calls end but no post-call webhook comes: is it still switched on at ElevenLabs?"
      expression = "IF(FILL(ended, 0) > 0 AND FILL(webhooks, 0) == 0, 1, 0)"
      period     = 3600, periods = 6, of = 2, threshold = 1
      metrics = {
        ended    = { namespace = local.metrics_namespace, metric = "CallsEnded", dimensions = {} }
        webhooks = { namespace = local.metrics_namespace, metric = "WebhooksReceived", dimensions = {} }
      }
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "computed" {
  for_each = local.computed_alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.says
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = lookup(var.alarm_thresholds, each.key, each.value.threshold)
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.of
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  metric_query {
    id          = "result"
    expression  = each.value.expression
    label       = each.key
    return_data = true
  }

  dynamic "metric_query" {
    for_each = each.value.metrics

    content {
      id = metric_query.key

      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.metric
        dimensions  = metric_query.value.dimensions
        stat        = "Sum"
        period      = each.value.period
      }
    }
  }
}

# --- Dashboard ----------------------------------------------------------------------------------------------------

locals {
  relay_log    = "SOURCE '${aws_cloudwatch_log_group.relay.name}'"
  webhook_log  = "SOURCE '${aws_cloudwatch_log_group.function["webhook"].name}'"
  transfer_log = "SOURCE '${aws_cloudwatch_log_group.function["transfer"].name}'"

  metric_widgets = {
    "01 Calls now, a task" = { stat = "Maximum", metrics = [[local.metrics_namespace, "Calls", { stat = "Average", label = "average" }], [local.metrics_namespace, "Calls", { stat = "Maximum", label = "fullest task" }]] }
    "02 Calls ended, refused, agents failed" = { stat = "Sum", metrics = [
      [local.metrics_namespace, "CallsEnded"], [local.metrics_namespace, "CallsRefused"], [local.metrics_namespace, "AgentsFailed"], [local.metrics_namespace, "Gaps", { label = "holes in the sound" }],
    ] }
    "03 Webhooks and events" = { stat = "Sum", metrics = [
      [local.metrics_namespace, "WebhooksReceived"], [local.metrics_namespace, "WebhooksRefused"], [local.metrics_namespace, "EventsUndelivered"], [local.metrics_namespace, "SweepFailures"],
    ] }
    "04 Errors" = { stat = "Sum", metrics = concat(
      [["AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", "LoadBalancer", aws_lb.relay.arn_suffix], ["AWS/ApiGateway", "5xx", "ApiId", aws_apigatewayv2_api.functions.id]],
      [for function in aws_lambda_function.function : ["AWS/Lambda", "Errors", "FunctionName", function.function_name]],
    ) }
    "05 Relay: CPU and memory, %" = { stat = "Average", metrics = [for metric in ["CPUUtilization", "MemoryUtilization"] :
    ["AWS/ECS", metric, "ClusterName", aws_ecs_cluster.main.name, "ServiceName", aws_ecs_service.relay.name]] }
    "06 Cost: relay tasks, balancer units, log bytes" = { stat = "Sum", metrics = [
      ["AWS/ECS", "CPUUtilization", "ClusterName", aws_ecs_cluster.main.name, "ServiceName", aws_ecs_service.relay.name, { stat = "SampleCount", period = 60, label = "relay tasks" }],
      ["AWS/ApplicationELB", "ConsumedLCUs", "LoadBalancer", aws_lb.relay.arn_suffix],
      ["AWS/Logs", "IncomingBytes", "LogGroupName", aws_cloudwatch_log_group.relay.name, { yAxis = "right" }],
    ] }
    "07 Cost: function calls and their milliseconds" = { stat = "Sum", metrics = concat(
      [for function in aws_lambda_function.function : ["AWS/Lambda", "Invocations", "FunctionName", function.function_name]],
      [for function in aws_lambda_function.function : ["AWS/Lambda", "Duration", "FunctionName", function.function_name, { yAxis = "right" }]],
    ) }
  }

  log_widgets = {
    "How calls ended"            = "${local.relay_log} | filter event = 'call_ended' | stats count(*) as calls by end_reason | sort calls desc"
    "Why calls were refused"     = "${local.relay_log} | filter event = 'call_refused' | stats count(*) as calls by reason | sort calls desc"
    "First audio, ms"            = "${local.relay_log} | filter event = 'call_ended' and first_audio_ms >= 0 | stats pct(first_audio_ms, 50) as p50, pct(first_audio_ms, 95) as p95, pct(first_audio_ms, 99) as p99 by bin(15m)"
    "Answer times, ms"           = "${local.relay_log} | filter event = 'call_ended' and answer_ms.n > 0 | stats pct(answer_ms.p50, 50) as p50, pct(answer_ms.p95, 95) as p95 by bin(15m)"
    "Transfer outcomes"          = "${local.transfer_log} | filter event = 'transfer_outcome' | stats count(*) as attempts by target, state | sort attempts desc"
    "Connect: outcome, seconds"  = "${local.transfer_log} | filter event = 'connect_answered' | stats count(*) as answers, pct(waited_s, 50) as p50, pct(waited_s, 99) as p99 by outcome"
    "Webhook lag, s"             = "${local.webhook_log} | filter event = 'webhook_received' | stats pct(lag_s, 50) as p50, pct(lag_s, 99) as p99, count(*) as webhooks by bin(1h)"
    "Errors, newest first"       = "SOURCE '${aws_cloudwatch_log_group.relay.name}' | SOURCE '${aws_cloudwatch_log_group.function["webhook"].name}' | SOURCE '${aws_cloudwatch_log_group.function["transfer"].name}' | fields @timestamp, event, message, call_sid | filter severity = 'ERROR' | sort @timestamp desc | limit 50"
    "Sweep: repaired and closed" = "${local.webhook_log} | filter event = 'sweep_done' | stats sum(repaired), sum(closed), sum(failed), max(took_s) by bin(1h)"
  }
}

resource "aws_cloudwatch_dashboard" "main" {
  dashboard_name = "${var.name}-${var.region}" # an account's dashboards are in no region

  dashboard_body = jsonencode({
    widgets = concat(
      [for index, title in sort(keys(local.metric_widgets)) : {
        type       = "metric", x = (index % 3) * 8, y = floor(index / 3) * 6, width = 8, height = 6
        properties = merge({ title = substr(title, 3, -1), region = var.region, period = 300, view = "timeSeries" }, local.metric_widgets[title])
      }],
      [for index, title in sort(keys(local.log_widgets)) : {
        type       = "log", x = (index % 2) * 12, y = 18 + floor(index / 2) * 6, width = 12, height = 6
        properties = { title = title, region = var.region, view = "table", query = local.log_widgets[title] }
      }],
    )
  })
}
