# Takes the place of ../../token where AWS is mocked: Terraform can't yet mock an ephemeral resource.

output "value" {
  description = "Always the same one."
  value       = "token_for_tests_only"
}
