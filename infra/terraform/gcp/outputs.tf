locals {
  relay_host       = var.domain_name == "" ? trimprefix(google_cloud_run_v2_service.relay.uri, "https://") : var.domain_name
  image_repository = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}/relay"
  uris             = { for name in keys(local.functions) : name => google_cloudfunctions2_function.function[name].service_config[0].uri }
}

# ── What a person pastes ──────────────────────────────────────────────────────────────────────────────────────────

output "voicebot_url" {
  description = "Into Exotel's Voicebot applet."
  value       = "wss://${local.relay_host}/media/${var.media_token}"
  sensitive   = true
}

output "connect_primary_url" {
  description = "Into the Connect applet behind the Voicebot: primary URL."
  value       = "${local.uris.transfer}/exotel/connect?token=${var.exotel_token}"
  sensitive   = true
}

output "connect_fallback_url" {
  description = "Into the same Connect applet: fallback URL."
  value       = "${local.uris.transfer}/exotel/connect?token=${var.exotel_token}"
  sensitive   = true
}

output "passthru_url" {
  description = "Into a Passthru applet, where the flow has one."
  value       = "${local.uris.transfer}/exotel/passthru?token=${var.exotel_token}"
  sensitive   = true
}

output "elevenlabs_webhook_url" {
  description = "Into ElevenLabs as the post-call webhook."
  value       = "${local.uris.webhook}/webhook/post-call"
}

output "dashboard_url" {
  description = "The dashboard in the console."
  value       = "https://console.cloud.google.com/monitoring/dashboards/builder/${element(split("/", google_monitoring_dashboard.calls.id), -1)}?project=${var.project}"
}

# ── What scripts and operators need ───────────────────────────────────────────────────────────────────────────────

output "relay_url" {
  description = "Base address of the relay: /health, /ready, /metrics."
  value       = "https://${local.relay_host}"
}

output "records_bucket" {
  description = "Bucket of the records: logs/{call_sid}.json."
  value       = google_storage_bucket.records.name
}

output "image_repository" {
  description = "Where the relay's image is pushed to."
  value       = local.image_repository
}

output "domain_address" {
  description = "Address to point the domain's A record at; empty without a domain."
  value       = join("", [for address in google_compute_global_address.relay : address.address])
}
