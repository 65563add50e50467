terraform {
  # 1.11 is the first with write-only arguments, which keep the secrets' values out of the state.
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.50.0" # what is tested
    }
  }
}
