terraform {
  required_version = ">= 1.11" # write-only arguments: secrets never reach the state

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100.0" # what is tested
    }
  }

  # The state's location is set at `terraform init -backend-config=…`; make deploy-aws does it (docs/aws.md).
  backend "s3" {}
}

provider "aws" {
  region = var.region

  default_tags {
    tags = merge({ project = var.name, managed_by = "terraform" }, var.tags)
  }
}
