# What a person pastes; make deploy-aws prints it as a numbered list. Those with a token are sensitive.

output "voicebot_url" {
  description = "Exotel, Voicebot applet: URL."
  value       = "wss://${local.public_name}${local.media_path}/${data.aws_secretsmanager_secret_version.generated["media"].secret_string}"
  sensitive   = true
}

output "connect_primary_url" {
  description = "Exotel, Connect applet: dynamic URL."
  value       = "${aws_apigatewayv2_api.functions.api_endpoint}/exotel/connect?token=${data.aws_secretsmanager_secret_version.generated["exotel"].secret_string}"
  sensitive   = true
}

output "connect_fallback_url" {
  description = "Exotel, Connect applet: fallback URL. The same on purpose: asked again, the function goes on where it was."
  value       = "${aws_apigatewayv2_api.functions.api_endpoint}/exotel/connect?token=${data.aws_secretsmanager_secret_version.generated["exotel"].secret_string}"
  sensitive   = true
}

output "passthru_url" {
  description = "Exotel, Passthru applets after Voicebot and after Connect: URL."
  value       = "${aws_apigatewayv2_api.functions.api_endpoint}/exotel/passthru?token=${data.aws_secretsmanager_secret_version.generated["exotel"].secret_string}"
  sensitive   = true
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
  value       = aws_secretsmanager_secret.generated["control"].arn
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
