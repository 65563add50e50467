terraform {
  required_version = ">= 1.11" # write-only arguments: secrets never reach the state

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100.0" # what is tested
    }
  }
}
