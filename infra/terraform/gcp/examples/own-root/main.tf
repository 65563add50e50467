# Terraform of your own that calls the module. Outside this repository the source is its address with a release's tag:
# source = "git::https://HOST/OWNER/REPOSITORY.git//infra/terraform/modules/gcp?ref=v0.2.0"

terraform {
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.50.0"
    }
  }
}

provider "google" {
  project = "acme-voice"
  region  = "asia-south1"
}

variable "secrets" {
  description = "From where you keep secrets, for instance by TF_VAR_secrets in CI. Ephemeral: in no state and in no plan."
  type        = object({ media_token = string, exotel_token = string, control_token = string, events_secret = string, elevenlabs_api_key = string })
  ephemeral   = true
}

variable "packages" {
  description = "Folder with what make package has written."
  type        = string
}

module "clinic" {
  source = "../../../modules/gcp"

  project             = "acme-voice"
  name                = "clinic"
  elevenlabs_agent_id = "agent_of_the_clinic"
  transfer_targets    = { reception = "+918047100001" }
  relay_image_tag     = "0123abcd" # pushed before to the output image_repository
  package_directory   = var.packages
  alarm_email         = "ops@example.com"

  media_token               = var.secrets.media_token
  exotel_token              = var.secrets.exotel_token
  control_token             = var.secrets.control_token
  events_secret             = var.secrets.events_secret
  elevenlabs_api_key        = var.secrets.elevenlabs_api_key
  elevenlabs_webhook_secret = "" # once ElevenLabs has shown it
}

output "voicebot" {
  description = "For the Voicebot applet, with / and the media token behind it."
  value       = module.clinic.media_url
}
