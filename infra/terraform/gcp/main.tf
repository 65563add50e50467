# A thin root over modules/gcp: the module, the provider, the state. Terraform of your own calls the module instead.

module "bridge" {
  source = "../modules/gcp"

  project                   = var.project
  elevenlabs_agent_id       = var.elevenlabs_agent_id
  transfer_targets          = var.transfer_targets
  media_token               = var.media_token
  exotel_token              = var.exotel_token
  control_token             = var.control_token
  events_secret             = var.events_secret
  elevenlabs_api_key        = var.elevenlabs_api_key
  elevenlabs_webhook_secret = var.elevenlabs_webhook_secret
  secret_versions           = var.secret_versions
  elevenlabs_region         = var.elevenlabs_region
  transfer_team_1_number    = var.transfer_team_1_number
  transfer_team_2_number    = var.transfer_team_2_number
  relay_environment         = var.relay_environment
  agents_file               = var.agents_file
  relay_secrets             = var.relay_secrets
  webhook_environment       = var.webhook_environment
  transfer_environment      = var.transfer_environment
  region                    = var.region
  name                      = var.name
  domain_name               = var.domain_name
  dns_zone                  = var.dns_zone
  relay_image_tag           = var.relay_image_tag
  relay_cpu                 = var.relay_cpu
  relay_memory              = var.relay_memory
  relay_max_calls           = var.relay_max_calls
  relay_min_instances       = var.relay_min_instances
  relay_max_instances       = var.relay_max_instances
  package_directory         = var.package_directory
  transfer_min_instances    = var.transfer_min_instances
  function_max_instances    = var.function_max_instances
  sweep_minutes             = var.sweep_minutes
  records_retention_days    = var.records_retention_days
  audio_retention_days      = var.audio_retention_days
  inbox_retention_days      = var.inbox_retention_days
  delete_records            = var.delete_records
  log_retention_days        = var.log_retention_days
  alarm_email               = var.alarm_email
  alarm_thresholds          = var.alarm_thresholds
  calls_expected            = var.calls_expected
}
