terraform {
  # 1.11 is the first with write-only arguments, which keep the secrets' values out of the state.
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.50.0" # what is tested
    }
  }

  # Partial: `make deploy-gcp` names the bucket (terraform init -backend-config=bucket=…).
  backend "gcs" {}
}

provider "google" {
  project        = var.project
  region         = var.region
  default_labels = merge({ project = var.name, managed_by = "terraform" }, var.labels)
}
