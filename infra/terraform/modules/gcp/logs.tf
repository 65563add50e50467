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
