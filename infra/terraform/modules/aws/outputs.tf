# Addresses without the tokens that are pasted with them: `console deploy` reads those from the secret store and prints both.

output "media_url" {
  description = "Exotel, Voicebot applet: URL, followed by / and the media token."
  value       = "wss://${local.public_name}${local.media_path}"
}

output "connect_url" {
  description = "Exotel, Connect applet: dynamic URL and fallback URL, followed by ?token= and Exotel's token."
  value       = "${aws_apigatewayv2_api.functions.api_endpoint}/exotel/connect"
}

output "passthru_url" {
  description = "Exotel, Passthru applets after Voicebot and after Connect: URL, followed by ?token= and Exotel's token."
  value       = "${aws_apigatewayv2_api.functions.api_endpoint}/exotel/passthru"
}

output "elevenlabs_webhook_url" {
  description = "ElevenLabs, post-call webhook: URL."
  value       = "${aws_apigatewayv2_api.functions.api_endpoint}/webhook/post-call"
}

output "dashboard_url" {
  description = "CloudWatch dashboard."
  value       = "https://${var.region}.console.aws.amazon.com/cloudwatch/home?region=${var.region}#dashboards/dashboard/${aws_cloudwatch_dashboard.main.dashboard_name}"
}

output "alarm_topic_arn" {
  description = "SNS topic of the alarms."
  value       = aws_sns_topic.alarms.arn
}

output "control_token_secret_arn" {
  description = "Secrets Manager entry with the bearer token of /bg-sound."
  value       = aws_secretsmanager_secret.secret["control_token"].arn
}

output "records_bucket" {
  description = "Bucket with records, transcripts and audio."
  value       = aws_s3_bucket.records.bucket
}

output "relay_url" {
  description = "Base address of the relay: /health, /ready."
  value       = "https://${local.public_name}"
}

output "image_repository" {
  description = "ECR repository of the relay's image."
  value       = aws_ecr_repository.relay.repository_url
}

output "relay_cluster_name" {
  description = "ECS cluster."
  value       = aws_ecs_cluster.main.name
}

output "relay_service_name" {
  description = "ECS service of the relay."
  value       = aws_ecs_service.relay.name
}

output "relay_target_group_arn" {
  description = "Target group; its health is the relay's."
  value       = aws_lb_target_group.relay.arn
}

output "name" {
  description = "The installation's name, the prefix of every resource's name."
  value       = var.name
}

output "region" {
  description = "Region of the installation."
  value       = var.region
}

output "dns_records" {
  description = "DNS records to create if domain_name's zone is not in Route 53: name = kind and value. Empty if none are needed."
  value = !local.has_domain || local.has_zone ? {} : merge(
    { (var.domain_name) = "CNAME ${aws_lb.relay.dns_name}" },
    { for option in aws_acm_certificate.relay[0].domain_validation_options : option.resource_record_name => "${option.resource_record_type} ${option.resource_record_value}" },
  )
}
