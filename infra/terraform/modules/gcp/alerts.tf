locals {
  # How PromQL spells "logging.googleapis.com/user/NAME/…".
  promql = "logging_googleapis_com:user_${replace(var.name, "-", "_")}"
  run    = "monitored_resource=\"cloud_run_revision\""

  # Keys as on AWS. `lasts` is how long a query must hold. An increase is extrapolated, so a single event may count as a
  # little less than one: hence the half where one is enough.
  alerts = merge({
    calls-refused = {
      severity = "CRITICAL"
      says     = "Callers were refused: the relays were full or draining, or the call asked for an agent that is not configured. Full: raise relay_max_instances."
      # Scans of the internet are refused as unauthorized, all day long; none of them is a lost call.
      query = "sum(increase(${local.promql}_call_refused{${local.run},reason!=\"unauthorized\"}[5m])) > ${lookup(var.alarm_thresholds, "calls-refused", 1) - 0.5}"
    }
    agents-failed = {
      severity = "CRITICAL"
      says     = "Agents could not be reached or were lost; calls go to their fallback. `agent_failed` in the relay's log has vendor and reason."
      query    = "sum(increase(${local.promql}_agent_failed{${local.run}}[5m])) >= ${lookup(var.alarm_thresholds, "agents-failed", 3)}"
    }
    answers-slow = {
      severity = "WARNING"
      says     = "For half an hour callers waited long for the agents' answers. Their calls' answer_ms says where the time goes: is the vendor slow, or a tool?"
      query    = "histogram_quantile(0.5, sum by (le) (increase(${local.promql}_answer_ms_bucket{${local.run}}[30m]))) > ${lookup(var.alarm_thresholds, "answers-slow", 3000)}"
    }
    events-undelivered = {
      severity = "CRITICAL"
      says     = "The relay could not deliver events; they are in its log under `event_undelivered`, whole, to be replayed (docs/gcp.md)."
      query    = "sum(increase(${local.promql}_event_undelivered{${local.run}}[5m])) > ${lookup(var.alarm_thresholds, "events-undelivered", 1) - 0.5}"
    }
    agents-refused = {
      severity = "CRITICAL"
      says     = "A version of the agents' file that was pushed can't be used: the relays go on with the one before. `make agents-history`, `make agents-rollback`."
      query    = "sum(increase(${local.promql}_agents_refused{${local.run}}[5m])) > ${lookup(var.alarm_thresholds, "agents-refused", 0)}"
    }
    webhooks-refused = {
      severity = "ERROR"
      says     = "Webhooks or events with a wrong signature: is elevenlabs_webhook_secret that of ElevenLabs?"
      query    = "sum(increase(${local.promql}_webhook_refused{${local.run}}[5m])) >= ${lookup(var.alarm_thresholds, "webhooks-refused", 5)}"
    }
    conversations-unverified = {
      severity = "ERROR"
      says     = "Conversations name a call without the relay's proof, and are kept aside. Is an agent public, or the webhook the whole workspace's (SECURITY.md)?"
      query    = "sum(increase(${local.promql}_unverified{${local.run}}[5m])) > ${lookup(var.alarm_thresholds, "conversations-unverified", 1) - 0.5}"
    }
    sweep-failures = {
      severity = "WARNING"
      says     = "The sweep could not repair calls: their transcripts are missing."
      query    = "sum(increase(${local.promql}_sweep_failures_sum{${local.run}}[1h])) > ${lookup(var.alarm_thresholds, "sweep-failures", 1) - 0.5} and sum(increase(${local.promql}_sweep_failures_sum{${local.run}}[1h] offset 1h)) > ${lookup(var.alarm_thresholds, "sweep-failures", 1) - 0.5}"
    }
    sweep-not-run = {
      severity = "WARNING"
      says     = "The sweep has not run for more than twice its interval. Look at the scheduler job and at the function's log."
      query    = "absent_over_time(${local.promql}_sweep_done{${local.run}}[${2 * var.sweep_minutes + 5}m])"
      lasts    = "${var.sweep_minutes * 60}s" # the first run after a first deploy is one interval away
    }
    exotel-refused = {
      severity = "ERROR"
      says     = "Exotel's requests were refused: is the token in the applets' URLs the current one? `make deploy-gcp` prints them."
      query    = "sum(increase(${local.promql}_exotel_refused{${local.run}}[5m])) >= ${lookup(var.alarm_thresholds, "exotel-refused", 5)}"
    }
    transfers-missed = {
      severity = "CRITICAL"
      says     = "A human was requested, and nobody was dialled: is there a Connect applet behind the Voicebot, and is the target in transfer_targets?"
      query    = "sum(increase(${local.promql}_transfer_missed{${local.run}}[15m])) > ${lookup(var.alarm_thresholds, "transfers-missed", 1) - 0.5}"
    }
    deployment-failed = {
      severity = "ERROR"
      says     = "A new revision did not come up, so calls stay on the one before. Its log says why."
      query    = "sum(increase(${local.promql}_deployment_failed{${local.run}}[5m])) > ${lookup(var.alarm_thresholds, "deployment-failed", 1) - 0.5}"
    }
    near-capacity = {
      severity = "ERROR"
      says     = "The relays are nearly full of calls. Are there relay_max_instances already?"
      query    = "histogram_quantile(0.5, sum by (le) (increase(${local.promql}_utilisation_bucket{${local.run}}[5m]))) > ${lookup(var.alarm_thresholds, "near-capacity", 85)}"
    }
    few-healthy-instances = {
      severity = "ERROR"
      says     = "Fewer relay instances run than always should."
      query    = "sum(max_over_time(run_googleapis_com:container_instance_count{${local.run},service_name=\"${var.name}-relay\"}[5m])) < ${lookup(var.alarm_thresholds, "few-healthy-instances", var.relay_min_instances)}"
      lasts    = "600s"
    }
    requests-turned-away = {
      severity = "CRITICAL"
      says     = "Cloud Run answered 429: all instances of a service are full. Raise relay_max_instances or function_max_instances."
      query    = "sum(increase(run_googleapis_com:request_count{${local.run},service_name=~\"${join("|", local.services)}\",response_code=\"429\"}[5m])) > ${lookup(var.alarm_thresholds, "requests-turned-away", 1) - 0.5}"
    }
    log-lines-dropped = {
      severity = "WARNING"
      says     = "A part could not write its log: what it tells is not complete."
      query    = "sum(increase(${local.promql}_log_lines_dropped_sum{${local.run}}[5m])) > ${lookup(var.alarm_thresholds, "log-lines-dropped", 1) - 0.5}"
    }
    relay-cpu = {
      severity = "ERROR"
      says     = "Relay instances are short of CPU: callers hear it. Are there relay_max_instances already?"
      query    = "histogram_quantile(0.5, sum by (le) (increase(run_googleapis_com:container_cpu_utilizations_bucket{${local.run},service_name=\"${var.name}-relay\"}[5m]))) > ${lookup(var.alarm_thresholds, "relay-cpu", 0.85)}"
    }
    relay-5xx = {
      severity = "ERROR"
      says     = "Cloud Run or the relay answered 5xx."
      query    = "sum(increase(run_googleapis_com:request_count{${local.run},service_name=\"${var.name}-relay\",response_code_class=\"5xx\"}[5m])) >= ${lookup(var.alarm_thresholds, "relay-5xx", 5)}"
    }
    functions-5xx = {
      severity = "ERROR"
      says     = "The functions answered 5xx, other than the 503 by which Exotel is asked to come again."
      # An undecided Connect request answers 503 on purpose (docs/functions.md).
      query = "sum(increase(run_googleapis_com:request_count{${local.run},service_name=~\"${var.name}-(webhook|sweep|transfer)\",response_code_class=\"5xx\"}[5m])) - (sum(increase(${local.promql}_connect_answered{${local.run},outcome=\"undecided\"}[5m])) or vector(0)) >= ${lookup(var.alarm_thresholds, "functions-5xx", 3)}"
    }
    }, var.calls_expected == null ? {} : {
    no-calls = {
      severity = "ERROR"
      says     = "No call has ended for two hours in which there should be some: does the number still lead to the Voicebot applet?"
      query    = "(sum(increase(${local.promql}_call_ended{${local.run}}[2h])) or vector(0)) == 0 and on() hour() >= ${var.calls_expected.from_hour_utc + 2} and on() hour() < ${var.calls_expected.to_hour_utc} and on() (day_of_week() + 6) % 7 < ${var.calls_expected.last_weekday}"
    }
    }, !contains(keys(var.secret_versions), "elevenlabs_webhook_secret") ? {} : {
    webhook-silence = {
      severity = "ERROR"
      says     = "Calls end but no post-call webhook comes: is it still switched on at ElevenLabs? The sweep fetches the transcripts meanwhile."
      query    = "sum(increase(${local.promql}_call_ended{${local.run}}[1h] offset 15m)) > 0 unless sum(increase(${local.promql}_webhook_received{${local.run}}[75m])) > 0"
      lasts    = "3600s"
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

  display_name          = "${var.name}: ${replace(each.key, "-", " ")}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = [for channel in google_monitoring_notification_channel.email : channel.id]

  conditions {
    display_name = replace(each.key, "-", " ")

    condition_prometheus_query_language {
      query               = each.value.query
      duration            = try(each.value.lasts, "0s")
      evaluation_interval = "60s"
      # A metric made of log lines exists for Monitoring only minutes after it was created; a first apply would fail.
      disable_metric_validation = true
    }
  }

  alert_strategy {
    auto_close = "3600s"
  }

  documentation {
    content   = each.value.says
    mime_type = "text/markdown"
  }

  depends_on = [google_logging_metric.event]
}

# --- Seen from outside: is there a relay that takes calls? ---------------------------------------------------------
# Google sends requests from its own addresses; where they are not allowed, few-healthy-instances reports it.

locals {
  seen_from_outside = length(var.allowed_addresses) == 0 ? 1 : 0
}

resource "google_monitoring_uptime_check_config" "relay" {
  count = local.seen_from_outside

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

resource "google_monitoring_alert_policy" "no_healthy_relay" {
  count = local.seen_from_outside

  display_name          = "${var.name}: no healthy relay"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = [for channel in google_monitoring_notification_channel.email : channel.id]

  conditions {
    display_name = "two places or more can't reach it"

    condition_threshold {
      filter          = "resource.type = \"uptime_url\" AND metric.type = \"monitoring.googleapis.com/uptime_check/check_passed\" AND metric.labels.check_id = \"${google_monitoring_uptime_check_config.relay[0].uptime_check_id}\""
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

moved {
  from = google_monitoring_uptime_check_config.relay
  to   = google_monitoring_uptime_check_config.relay[0]
}

moved {
  from = google_monitoring_alert_policy.no_healthy_relay
  to   = google_monitoring_alert_policy.no_healthy_relay[0]
}
