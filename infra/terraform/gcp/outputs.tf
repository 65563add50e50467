# What the module tells, and make deploy-gcp prints.

output "voicebot_url" {
  description = "Exotel, Voicebot applet: URL."
  value       = module.bridge.voicebot_url
  sensitive   = true
}

output "connect_primary_url" {
  description = "Exotel, Connect applet: dynamic URL."
  value       = module.bridge.connect_primary_url
  sensitive   = true
}

output "connect_fallback_url" {
  description = "Exotel, Connect applet: fallback URL. The same on purpose: asked again, the function goes on where it was."
  value       = module.bridge.connect_fallback_url
  sensitive   = true
}

output "passthru_url" {
  description = "Exotel, Passthru applets after Voicebot and after Connect: URL."
  value       = module.bridge.passthru_url
  sensitive   = true
}

output "elevenlabs_webhook_url" {
  description = "ElevenLabs, post-call webhook: URL."
  value       = module.bridge.elevenlabs_webhook_url
}

output "dashboard_url" {
  description = "Dashboard in the console."
  value       = module.bridge.dashboard_url
}

output "control_token_secret_id" {
  description = "Secret Manager entry with the bearer token of /bg-sound."
  value       = module.bridge.control_token_secret_id
}

output "records_bucket" {
  description = "Bucket with records, transcripts and audio."
  value       = module.bridge.records_bucket
}

output "relay_url" {
  description = "The relay's public address: /health, /ready, /metrics."
  value       = module.bridge.relay_url
}

output "image_repository" {
  description = "Repository of the relay's image."
  value       = module.bridge.image_repository
}

output "relay_service_name" {
  description = "Cloud Run service of the relay."
  value       = module.bridge.relay_service_name
}

output "domain_address" {
  description = "Address that domain_name's A record points at; empty without a domain."
  value       = module.bridge.domain_address
}
