locals {
  relay_host       = var.domain_name == "" ? trimprefix(google_cloud_run_v2_service.relay.uri, "https://") : var.domain_name
  image_repository = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}/relay"
  uris             = { for name in keys(local.functions) : name => google_cloudfunctions2_function.function[name].service_config[0].uri }
}

# What a person pastes; make deploy-gcp prints it as a numbered list. Those with a token are sensitive.

output "voicebot_url" {
  description = "Exotel, Voicebot applet: URL."
  value       = "wss://${local.relay_host}/media/${var.media_token}"
  sensitive   = true
}

output "connect_primary_url" {
  description = "Exotel, Connect applet: dynamic URL."
  value       = "${local.uris.transfer}/exotel/connect?token=${var.exotel_token}"
  sensitive   = true
}

output "connect_fallback_url" {
  description = "Exotel, Connect applet: fallback URL. The same on purpose: asked again, the function goes on where it was."
  value       = "${local.uris.transfer}/exotel/connect?token=${var.exotel_token}"
  sensitive   = true
}

output "passthru_url" {
  description = "Exotel, Passthru applets after Voicebot and after Connect: URL."
  value       = "${local.uris.transfer}/exotel/passthru?token=${var.exotel_token}"
  sensitive   = true
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
  value       = google_secret_manager_secret.secret["control-token"].secret_id
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
