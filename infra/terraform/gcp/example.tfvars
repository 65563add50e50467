# Copy to terraform.tfvars and keep what you change; variables.tf explains each. The project, the agent, the API key and
# the transfer targets come from the environment (docs/gcp.md), so a deployment can do without this file.

# name           = "voicebridge"
# region         = "asia-south1"
# domain         = "calls.example.in"
# dns_zone       = "example-in"
# alarm_email    = "oncall@example.in"
# max_calls      = 100
# max_relays     = 4
# retention_days = 365
# fetch_audio    = true
