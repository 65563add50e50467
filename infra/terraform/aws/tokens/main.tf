# Random tokens that exist only while Terraform runs. A module of its own, so that tests can put another in its place
# (tests/tokens): Terraform can't yet mock an ephemeral resource.

terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}

variable "names" {
  description = "One token for each."
  type        = set(string)
}

ephemeral "aws_secretsmanager_random_password" "token" {
  for_each = var.names

  password_length     = 43 # 256 bits of letters and digits
  exclude_punctuation = true
}

output "values" {
  description = "Name = token, another one in every run."
  value       = { for name in var.names : name => ephemeral.aws_secretsmanager_random_password.token[name].random_password }
  ephemeral   = true
}
