# Metrics made from the log lines that docs/contracts.md lists under "Log lines that metrics are made of". A metric with a
# `value` holds a distribution of that field, any other counts lines; `labels` are fields that it can be split by.

locals {
  log_metrics = {
    call_started      = { event = "call_started", labels = ["agent", "vendor"] }
    call_ended        = { event = "call_ended", labels = ["end_reason", "vendor"] }
    call_seconds      = { event = "call_ended", value = "duration_s", unit = "s" }
    first_audio_ms    = { event = "call_ended", value = "first_audio_ms", unit = "ms" }
    answer_ms         = { event = "call_ended", value = "answer_ms.p50", unit = "ms" } # of each call the median of its turns
    gaps              = { event = "call_ended", value = "gaps" }
    calls_running     = { event = "relay_stats", value = "calls" }
    loop_lag_ms       = { event = "relay_stats", value = "loop_lag_ms_max", unit = "ms" }
    utilisation       = { event = "relay_stats", value = "utilisation", unit = "%" }
    log_lines_dropped = { event = "log_lines_dropped", value = "dropped" }
    turns_failed      = { event = "agent_turn_failed", labels = ["vendor", "reason"] }
    call_refused      = { event = "call_refused", labels = ["reason"] }
    agent_failed      = { event = "agent_failed", labels = ["vendor", "reason"] }
    event_undelivered = { event = "event_undelivered" }
    agents_refused    = { event = "agents_refused" }
    webhook_received  = { event = "webhook_received", labels = ["type"] }
    webhook_lag_s     = { event = "webhook_received", value = "lag_s", unit = "s" }
    webhook_refused   = { event = "webhook_refused", labels = ["reason"] }
    unverified        = { event = "conversation_unverified" }
    exotel_refused    = { event = "exotel_refused" }
    sweep_done        = { event = "sweep_done" }
    sweep_failures    = { event = "sweep_done", value = "failed" }
    sweep_repaired    = { event = "sweep_done", value = "repaired" }
    connect_answered  = { event = "connect_answered", labels = ["outcome"] }
    connect_waited_s  = { event = "connect_answered", value = "waited_s", unit = "s" }
    transfer_outcome  = { event = "transfer_outcome", labels = ["state"] }
    transfer_missed   = { event = "transfer_missed" }
    # Cloud Run's own report of a revision that did not start; calls stay on the previous one.
    deployment_failed = { only = "log_id(\"cloudaudit.googleapis.com/system_event\") AND severity>=ERROR AND protoPayload.status.message:\"Ready condition status changed to False\"" }
    errors            = { only = "severity>=ERROR" }
  }

  services = concat(["${var.name}-relay"], [for name in keys(local.functions) : "${var.name}-${name}"])
}

resource "google_logging_metric" "event" {
  for_each = local.log_metrics

  name        = "${var.name}/${each.key}"
  description = "docs/contracts.md: ${try(each.value.event, "any line of ERROR or worse")}"

  # Functions of the second generation log as the Cloud Run services they are. A field that is null or missing has no value.
  filter = join(" AND ", compact([
    "resource.type=\"cloud_run_revision\"",
    "resource.labels.service_name=(${join(" OR ", [for service in local.services : "\"${service}\""])})",
    try("jsonPayload.event=\"${each.value.event}\"", ""),
    try("jsonPayload.${each.value.value}>=0", ""),
    try(each.value.only, ""),
  ]))

  value_extractor  = try("EXTRACT(jsonPayload.${each.value.value})", null)
  label_extractors = { for label in try(each.value.labels, []) : label => "EXTRACT(jsonPayload.${label})" }

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = can(each.value.value) ? "DISTRIBUTION" : "INT64"
    unit        = try(each.value.unit, "1")

    dynamic "labels" {
      for_each = try(each.value.labels, [])
      content {
        key        = labels.value
        value_type = "STRING"
      }
    }
  }

  dynamic "bucket_options" {
    for_each = can(each.value.value) ? [1] : []
    content {
      # 1, 1.25, 1.56 … 28,000: a quarter's resolution from a millisecond to half a minute, from a second to eight hours.
      exponential_buckets {
        scale              = 1
        growth_factor      = 1.25
        num_finite_buckets = 46
      }
    }
  }

  depends_on = [google_project_service.api]
}
