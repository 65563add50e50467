# Replaces ../../token where AWS is mocked: Terraform can't mock an ephemeral resource yet.

output "value" {
  description = "Always the same one."
  value       = "token_for_tests_only"
}
