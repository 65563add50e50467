locals {
  relay_host       = var.domain_name == "" ? trimprefix(google_cloud_run_v2_service.relay.uri, "https://") : var.domain_name
  image_repository = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}/relay"
  uris             = { for name in keys(local.functions) : name => google_cloudfunctions2_function.function[name].service_config[0].uri }
}

# Addresses without the tokens that are pasted with them: `console deploy` reads those from the secret store and prints both.

output "media_url" {
  description = "Exotel, Voicebot applet: URL, followed by / and the media token."
  value       = "wss://${local.relay_host}/media"
}

output "connect_url" {
  description = "Exotel, Connect applet: dynamic URL and fallback URL, followed by ?token= and Exotel's token."
  value       = "${local.uris.transfer}/exotel/connect"
}

output "passthru_url" {
  description = "Exotel, Passthru applets after Voicebot and after Connect: URL, followed by ?token= and Exotel's token."
  value       = "${local.uris.transfer}/exotel/passthru"
}

output "elevenlabs_webhook_url" {
  description = "ElevenLabs, post-call webhook: URL."
  value       = "${local.uris.webhook}/webhook/post-call"
}

output "dashboard_url" {
  description = "Dashboard in the console."
  value       = "https://console.cloud.google.com/monitoring/dashboards/builder/${element(split("/", google_monitoring_dashboard.calls.id), -1)}?project=${var.project}"
}

output "control_token_secret_id" {
  description = "Secret Manager entry with the bearer token of /bg-sound."
  value       = google_secret_manager_secret.secret["control_token"].secret_id
}

output "records_bucket" {
  description = "Bucket with records, transcripts and audio."
  value       = google_storage_bucket.records.name
}

output "relay_url" {
  description = "The relay's public address: /health, /ready, /metrics."
  value       = "https://${local.relay_host}"
}

output "image_repository" {
  description = "Repository of the relay's image."
  value       = local.image_repository
}

output "relay_service_name" {
  description = "Cloud Run service of the relay."
  value       = google_cloud_run_v2_service.relay.name
}

output "domain_address" {
  description = "Address that domain_name's A record points at; empty without a domain."
  value       = join("", [for address in google_compute_global_address.relay : address.address])
}

output "name" {
  description = "The installation's name, the prefix of every resource's name."
  value       = var.name
}

output "region" {
  description = "Region of the installation."
  value       = var.region
}

output "project" {
  description = "Project of the installation."
  value       = var.project
}
