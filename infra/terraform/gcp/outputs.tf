# Outputs of the module. None contains a secret: make deploy-gcp prints the addresses with their tokens.

output "media_url" {
  description = "Exotel, Voicebot applet: URL, followed by / and the media token."
  value       = module.bridge.media_url
}

output "connect_url" {
  description = "Exotel, Connect applet: dynamic URL and fallback URL, followed by ?token= and Exotel's token."
  value       = module.bridge.connect_url
}

output "passthru_url" {
  description = "Exotel, Passthru applets after Voicebot and after Connect: URL, followed by ?token= and Exotel's token."
  value       = module.bridge.passthru_url
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

output "name" {
  description = "The installation's name, the prefix of every resource's name."
  value       = module.bridge.name
}

output "region" {
  description = "Region of the installation."
  value       = module.bridge.region
}

output "project" {
  description = "Project of the installation."
  value       = module.bridge.project
}
