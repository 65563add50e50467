# Outputs of the module. None contains a secret: make deploy-aws prints the addresses with their tokens.

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
  description = "CloudWatch dashboard."
  value       = module.bridge.dashboard_url
}

output "alarm_topic_arn" {
  description = "SNS topic of the alarms."
  value       = module.bridge.alarm_topic_arn
}

output "control_token_secret_arn" {
  description = "Secrets Manager entry with the bearer token of /bg-sound."
  value       = module.bridge.control_token_secret_arn
}

output "records_bucket" {
  description = "Bucket with records, transcripts and audio."
  value       = module.bridge.records_bucket
}

output "relay_url" {
  description = "Base address of the relay: /health, /ready."
  value       = module.bridge.relay_url
}

output "image_repository" {
  description = "ECR repository of the relay's image."
  value       = module.bridge.image_repository
}

output "relay_cluster_name" {
  description = "ECS cluster."
  value       = module.bridge.relay_cluster_name
}

output "relay_service_name" {
  description = "ECS service of the relay."
  value       = module.bridge.relay_service_name
}

output "relay_target_group_arn" {
  description = "Target group; its health is the relay's."
  value       = module.bridge.relay_target_group_arn
}

output "name" {
  description = "The installation's name, the prefix of every resource's name."
  value       = module.bridge.name
}

output "region" {
  description = "Region of the installation."
  value       = module.bridge.region
}

output "dns_records" {
  description = "DNS records to create if domain_name's zone is not in Route 53: name = kind and value. Empty if none are needed."
  value       = module.bridge.dns_records
}
