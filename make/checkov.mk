# checkov reads Terraform files for known mistakes. An environment of its own: it pins half the world.
.PHONY: lint-infra
lint-infra: .cache/checkov/.installed ## known mistakes in the Terraform files (infra/checkov.yaml lists the exceptions, and why)
	.cache/checkov/bin/checkov --config-file infra/checkov.yaml --directory infra/terraform

test: .cache/checkov/.installed
