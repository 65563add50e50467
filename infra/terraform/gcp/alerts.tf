locals {
  # How PromQL spells "logging.googleapis.com/user/NAME/…".
  promql = "logging_googleapis_com:user_${replace(var.name, "-", "_")}"
  run    = "monitored_resource=\"cloud_run_revision\""

  alerts = merge({
    calls_refused = {
      severity = "CRITICAL"
      query    = "sum(increase(${local.promql}_call_refused{${local.run},reason=~\"full|draining\"}[5m])) > 0"
      text     = "Callers are turned away because every relay is full or going down. Raise relay_max_instances (or relay_max_calls, if CPU and loop lag allow) and deploy."
    }
    event_undelivered = {
      severity = "CRITICAL"
      query    = "sum(increase(${local.promql}_event_undelivered{${local.run}}[10m])) > 0"
      text     = "The relay gave up delivering an event. The line `event_undelivered` in the log holds it whole: mend the webhook function, then replay it (docs/gcp.md)."
    }
    agent_failing = {
      severity = "CRITICAL"
      query    = "sum(increase(${local.promql}_agent_failed{${local.run}}[15m])) > 0.1 * sum(increase(${local.promql}_call_started{${local.run}}[15m]))"
      text     = "More than one call in ten could not get or keep its agent. Look at `agent_failed` in the log for the vendor and its reason."
    }
    server_errors = {
      severity = "ERROR"
      # Not the transfer function: to it 503 is an answer, \"not decided yet, ask the fallback URL\". Its failures are in `errors`.
      query = "sum by (service_name) (increase(run_googleapis_com:request_count{${local.run},service_name=~\"${var.name}-(relay|webhook|sweep)\",response_code_class=\"5xx\"}[5m])) > 3"
      text  = "A service answers 5xx. Events and webhooks are sent again for minutes, so nothing is lost yet."
    }
    errors = {
      severity = "ERROR"
      query    = "sum(increase(${local.promql}_errors{${local.run}}[15m])) > 5"
      text     = "More error lines than usual; the log of the four services says which."
    }
    sweep_failing = {
      severity = "WARNING"
      query    = "sum(increase(${local.promql}_sweep_failed{${local.run}}[${4 * var.sweep_minutes}m])) >= 3"
      text     = "The repair sweep fails again and again: transcripts of lost webhooks are not fetched. Usual cause: the API key."
    }
    sweep_silent = {
      severity = "WARNING"
      query    = "absent_over_time(${local.promql}_sweep_done{${local.run}}[${2 * var.sweep_minutes}m])"
      text     = "The repair sweep has not run for longer than twice its interval. Look at the scheduler job and the function's log."
    }
    }, !contains(local.secrets, "elevenlabs-webhook-secret") ? {} : {
    webhook_silence = {
      severity = "ERROR"
      query    = "sum(increase(${local.promql}_call_ended{${local.run},end_reason=~\"agent_ended|caller_hung_up|transferred\"}[1h] offset 15m)) > 0 unless sum(increase(${local.promql}_webhook_received{${local.run}}[75m])) > 0"
      text     = "Calls end but no post-call webhook arrives. ElevenLabs disables a webhook after ten failures: look at its page, and at `webhook_refused` for a wrong secret. The sweep fetches the transcripts meanwhile."
    }
  })
}

resource "google_monitoring_notification_channel" "email" {
  for_each = var.alarm_email == "" ? toset([]) : toset([var.alarm_email])

  display_name = "${var.name} alarms"
  type         = "email"
  labels       = { email_address = each.value }
  depends_on   = [google_project_service.api]
}

resource "google_monitoring_alert_policy" "alert" {
  for_each = local.alerts

  display_name          = "${var.name}: ${replace(each.key, "_", " ")}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = [for channel in google_monitoring_notification_channel.email : channel.id]

  conditions {
    display_name = replace(each.key, "_", " ")

    condition_prometheus_query_language {
      query               = each.value.query
      duration            = each.key == "sweep_silent" ? "900s" : "0s"
      evaluation_interval = "60s"
      # A metric made of log lines exists for Monitoring only minutes after it was created; a first apply would fail.
      disable_metric_validation = true
    }
  }

  alert_strategy {
    auto_close = "3600s"
  }

  documentation {
    content   = each.value.text
    mime_type = "text/markdown"
  }

  depends_on = [google_logging_metric.event]
}

# ── Seen from outside: is there a relay that takes calls? ─────────────────────────────────────────────────────────

resource "google_monitoring_uptime_check_config" "relay" {
  display_name = "${var.name} relay"
  timeout      = "10s"
  period       = "60s"

  http_check {
    path         = "/ready"
    port         = 443
    use_ssl      = true
    validate_ssl = true
  }

  monitored_resource {
    type = "uptime_url"
    labels = {
      project_id = var.project
      host       = local.relay_host
    }
  }

  depends_on = [google_project_service.api]
}

resource "google_monitoring_alert_policy" "relay_unreachable" {
  display_name          = "${var.name}: relay unreachable"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = [for channel in google_monitoring_notification_channel.email : channel.id]

  conditions {
    display_name = "two places or more can't reach it"

    condition_threshold {
      filter          = "resource.type = \"uptime_url\" AND metric.type = \"monitoring.googleapis.com/uptime_check/check_passed\" AND metric.labels.check_id = \"${google_monitoring_uptime_check_config.relay.uptime_check_id}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 1
      duration        = "120s"

      aggregations {
        alignment_period     = "120s"
        per_series_aligner   = "ALIGN_NEXT_OLDER"
        cross_series_reducer = "REDUCE_COUNT_FALSE"
        group_by_fields      = ["resource.label.host"]
      }
    }
  }

  alert_strategy {
    auto_close = "3600s"
  }

  documentation {
    content   = "No relay takes calls: `/ready` fails from outside. Look at the last revision's log; `gcloud run services update-traffic` goes back to the one before."
    mime_type = "text/markdown"
  }
}
