# Copy to terraform.tfvars and keep what you change; variables.tf explains each. The agent, the API key and the transfer
# targets come from the environment (docs/aws.md), so a deployment can do without this file.

# name                   = "voice-bridge"
# architecture           = "arm64"
# relay_cpu              = 1024
# relay_memory           = 2048
# relay_min_tasks        = 2
# relay_max_tasks        = 10
# records_retention_days = 365
# log_retention_days     = 30
# relay_environment      = { BACKGROUND_SOUND_FILE = "office", BACKGROUND_SOUND_VOLUME = "0.2" }
# webhook_environment    = { FETCH_AUDIO = "true" }
# tags                   = { team = "telephony" }
