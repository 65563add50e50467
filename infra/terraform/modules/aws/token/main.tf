# A random token that exists only while Terraform runs. A module of its own, so that tests can put another in its place
# (tests/token): Terraform can't yet mock an ephemeral resource.

terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100.0" # what is tested
    }
  }
}

ephemeral "aws_secretsmanager_random_password" "token" {
  password_length     = 43 # 256 bits of letters and digits
  exclude_punctuation = true
}

output "value" {
  description = "Another one in every run."
  value       = ephemeral.aws_secretsmanager_random_password.token.random_password
  ephemeral   = true
}
