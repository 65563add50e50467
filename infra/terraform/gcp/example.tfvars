# Copy to terraform.tfvars and keep what you change; variables.tf explains each. The project, the agent, the API key and
# the transfer targets come from the environment (docs/gcp.md), so a deployment can do without this file.

# name                   = "voice-bridge"
# region                 = "asia-south1"
# domain_name            = "calls.example.in"
# dns_zone               = "example-in"
# alarm_email            = "oncall@example.in"
# relay_max_calls        = 200
# relay_max_instances    = 10
# records_retention_days = 365
# relay_environment      = { BACKGROUND_SOUND_VOLUME = "0.2" }
# webhook_environment    = { FETCH_AUDIO = "true" }
