# Cloud Run logs every request with its whole URL: the media token is in its path, Exotel's token and the caller's number in
# its query. Metrics of requests are counted elsewhere, so nothing is lost with these lines (docs/gcp.md).

resource "google_logging_project_exclusion" "requests" {
  name        = "${var.name}-requests"
  description = "Request logs hold tokens and phone numbers"

  filter = join(" AND ", [
    "log_id(\"run.googleapis.com/requests\")",
    "resource.type=\"cloud_run_revision\"",
    "resource.labels.service_name=(${join(" OR ", [for service in local.services : "\"${service}\""])})",
  ])

  depends_on = [google_project_service.api]
}

# All other lines of these services are kept in a bucket of their own, in the region, for as long as is asked for: the
# project's own bucket is global and belongs to everything in the project.

locals {
  our_logs = join(" AND ", [
    "resource.type=\"cloud_run_revision\"",
    "resource.labels.service_name=(${join(" OR ", [for service in local.services : "\"${service}\""])})",
  ])
}

resource "google_logging_project_bucket_config" "logs" {
  project        = var.project
  location       = var.region
  bucket_id      = "${var.name}-logs"
  description    = "Logs of ${var.name}"
  retention_days = var.log_retention_days

  dynamic "cmek_settings" {
    for_each = local.kms_keys
    content {
      kms_key_name = cmek_settings.value
    }
  }

  depends_on = [google_project_service.api]
}

resource "google_logging_project_sink" "logs" {
  name                   = "${var.name}-logs"
  description            = "Logs of ${var.name}, without those of requests"
  destination            = "logging.googleapis.com/projects/${var.project}/locations/${var.region}/buckets/${google_logging_project_bucket_config.logs.bucket_id}"
  filter                 = "${local.our_logs} AND NOT log_id(\"run.googleapis.com/requests\")"
  unique_writer_identity = true
}

resource "google_logging_project_exclusion" "kept_here" {
  name        = "${var.name}-kept-here"
  description = "These are in the bucket ${var.name}-logs"
  filter      = "${local.our_logs} AND NOT log_id(\"run.googleapis.com/requests\")"

  depends_on = [google_logging_project_sink.logs]
}
