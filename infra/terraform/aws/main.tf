# A thin root over modules/aws: the module, the provider, the state. Terraform of your own calls the module instead.

module "bridge" {
  source = "../modules/aws"

  elevenlabs_agent_id           = var.elevenlabs_agent_id
  elevenlabs_api_key            = var.elevenlabs_api_key
  transfer_targets              = var.transfer_targets
  elevenlabs_webhook_secret     = var.elevenlabs_webhook_secret
  elevenlabs_region             = var.elevenlabs_region
  transfer_team_1_number        = var.transfer_team_1_number
  transfer_team_2_number        = var.transfer_team_2_number
  relay_environment             = var.relay_environment
  relay_secrets                 = var.relay_secrets
  webhook_environment           = var.webhook_environment
  transfer_environment          = var.transfer_environment
  secrets_version               = var.secrets_version
  region                        = var.region
  name                          = var.name
  domain_name                   = var.domain_name
  hosted_zone_id                = var.hosted_zone_id
  vpc_cidr                      = var.vpc_cidr
  zone_count                    = var.zone_count
  relay_image_tag               = var.relay_image_tag
  architecture                  = var.architecture
  relay_cpu                     = var.relay_cpu
  relay_memory                  = var.relay_memory
  relay_max_calls               = var.relay_max_calls
  relay_min_tasks               = var.relay_min_tasks
  relay_max_tasks               = var.relay_max_tasks
  access_logs                   = var.access_logs
  package_directory             = var.package_directory
  webhook_reserved_concurrency  = var.webhook_reserved_concurrency
  transfer_reserved_concurrency = var.transfer_reserved_concurrency
  api_rate_limit                = var.api_rate_limit
  sweep_minutes                 = var.sweep_minutes
  records_retention_days        = var.records_retention_days
  delete_records                = var.delete_records
  log_retention_days            = var.log_retention_days
  alarm_email                   = var.alarm_email
}
