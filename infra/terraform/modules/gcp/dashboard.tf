locals {
  # Title, unit and lines (legend = PromQL) of each chart, three a row.
  charts = [
    { title = "Calls running", lines = {
      "calls"     = "sum(rate(${local.promql}_calls_running_sum{${local.run}}[5m])) * 60" # one line a minute from each relay
      "instances" = "sum(max_over_time(run_googleapis_com:container_instance_count{${local.run},service_name=\"${var.name}-relay\"}[5m]))"
    } },
    { title = "Calls started, by agent", lines = {
      "" = "sum by (vendor, agent) (increase(${local.promql}_call_started{${local.run}}[5m]))"
    } },
    { title = "Calls ended, by reason", lines = {
      "" = "sum by (end_reason) (increase(${local.promql}_call_ended{${local.run}}[5m]))"
    } },
    { title = "Calls refused, by reason", lines = {
      "" = "sum by (reason) (increase(${local.promql}_call_refused{${local.run}}[5m]))"
    } },
    { title = "First audio, ms after the start", lines = {
      "half of the calls" = "histogram_quantile(0.5, sum by (le) (increase(${local.promql}_first_audio_ms_bucket{${local.run}}[15m])))"
      "95 in 100 of them" = "histogram_quantile(0.95, sum by (le) (increase(${local.promql}_first_audio_ms_bucket{${local.run}}[15m])))"
    } },
    { title = "Answer times, ms (each call's median)", lines = {
      "half of the calls" = "histogram_quantile(0.5, sum by (le) (increase(${local.promql}_answer_ms_bucket{${local.run}}[15m])))"
      "95 in 100 of them" = "histogram_quantile(0.95, sum by (le) (increase(${local.promql}_answer_ms_bucket{${local.run}}[15m])))"
    } },
    { title = "Gaps in the sound sent", lines = {
      "gaps" = "sum(increase(${local.promql}_gaps_sum{${local.run}}[5m]))"
    } },
    { title = "Agents that failed, and their turns", lines = {
      ""      = "sum by (vendor, reason) (increase(${local.promql}_agent_failed{${local.run}}[5m]))"
      "turns" = "sum(increase(${local.promql}_turns_failed{${local.run}}[5m]))"
    } },
    { title = "Relay: share of its calls (95 in 100), %", lines = {
      "utilisation" = "histogram_quantile(0.95, sum by (le) (increase(${local.promql}_utilisation_bucket{${local.run}}[5m])))"
    } },
    { title = "Transfer outcomes", lines = {
      "" = "sum by (state) (increase(${local.promql}_transfer_outcome{${local.run}}[15m]))"
    } },
    { title = "Answers to Connect", lines = {
      "" = "sum by (outcome) (increase(${local.promql}_connect_answered{${local.run}}[15m]))"
    } },
    { title = "Connect: seconds waited (95 in 100)", lines = {
      "seconds" = "histogram_quantile(0.95, sum by (le) (increase(${local.promql}_connect_waited_s_bucket{${local.run}}[15m])))"
    } },
    { title = "Webhook lag, seconds (95 in 100)", lines = {
      "seconds" = "histogram_quantile(0.95, sum by (le) (increase(${local.promql}_webhook_lag_s_bucket{${local.run}}[15m])))"
    } },
    { title = "Webhooks received and refused", lines = {
      "received"         = "sum(increase(${local.promql}_webhook_received{${local.run}}[15m]))"
      "Exotel's refused" = "sum(increase(${local.promql}_exotel_refused{${local.run}}[15m]))"
      "refused"          = "sum(increase(${local.promql}_webhook_refused{${local.run}}[15m]))"
    } },
    { title = "Sweep: runs, failures, records repaired", lines = {
      "runs"     = "sum(increase(${local.promql}_sweep_done{${local.run}}[15m]))"
      "failed"   = "sum(increase(${local.promql}_sweep_failures_sum{${local.run}}[15m]))"
      "repaired" = "sum(increase(${local.promql}_sweep_repaired_sum{${local.run}}[15m]))"
    } },
    { title = "Errors, by service", lines = {
      "error lines" = "sum by (service_name) (increase(${local.promql}_errors{${local.run}}[5m]))"
      "5xx"         = "sum by (service_name) (increase(run_googleapis_com:request_count{${local.run},service_name=~\"${join("|", local.services)}\",response_code_class=\"5xx\"}[5m]))"
    } },
    { title = "Relay: CPU (99 in 100), share", lines = {
      "cpu" = "histogram_quantile(0.99, sum by (le) (increase(run_googleapis_com:container_cpu_utilizations_bucket{${local.run},service_name=\"${var.name}-relay\"}[5m])))"
    } },
    { title = "Relay: event loop's worst lag, ms", lines = {
      "ms" = "histogram_quantile(1, sum by (le) (increase(${local.promql}_loop_lag_ms_bucket{${local.run}}[5m])))"
    } },
    { title = "Cost: call-minutes an hour", lines = {
      "minutes" = "sum(increase(${local.promql}_call_seconds_sum{${local.run}}[1h])) / 60"
    } },
    { title = "Cost: billed instance-seconds a second", lines = {
      "" = "sum by (service_name) (rate(run_googleapis_com:container_billable_instance_time{${local.run},service_name=~\"${join("|", local.services)}\"}[15m]))"
    } },
    { title = "Cost: bytes sent a second", lines = {
      "" = "sum by (service_name) (rate(run_googleapis_com:container_network_sent_bytes_count{${local.run},service_name=~\"${join("|", local.services)}\"}[15m]))"
    } },
  ]
}

resource "google_monitoring_dashboard" "calls" {
  dashboard_json = jsonencode({
    displayName = "${var.name} calls"
    mosaicLayout = {
      columns = 12
      tiles = [for index, chart in local.charts : {
        xPos   = (index % 3) * 4
        yPos   = floor(index / 3) * 4
        width  = 4
        height = 4
        widget = {
          title = chart.title
          xyChart = {
            dataSets = [for legend, query in chart.lines : merge({
              plotType        = "LINE"
              timeSeriesQuery = { prometheusQuery = query }
            }, legend == "" ? {} : { legendTemplate = legend })]
          }
        }
      }]
    }
  })

  depends_on = [google_logging_metric.event]
}
