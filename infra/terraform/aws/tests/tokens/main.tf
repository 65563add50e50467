# Takes the place of ../../tokens where AWS is mocked: Terraform can't yet mock an ephemeral resource.

variable "names" {
  description = "One token for each."
  type        = set(string)
}

output "values" {
  description = "Name = token, always the same one."
  value       = { for name in var.names : name => "token_for_tests_only" }
}
