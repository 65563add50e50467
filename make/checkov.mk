# checkov checks Terraform files for known mistakes. It has a separate environment because it pins many libraries.
.PHONY: lint-infra
lint-infra: .cache/checkov/.installed ## known mistakes in the Terraform files (infra/checkov.yaml lists the exceptions, and why)
	.cache/checkov/bin/checkov --config-file infra/checkov.yaml --directory infra/terraform

test: .cache/checkov/.installed
