# checkov reads Terraform files for known mistakes. An environment of its own: it pins half the world.
.cache/checkov/bin/checkov: requirements/checkov.txt
	$(PYTHON) -m venv --clear .cache/checkov
	.cache/checkov/bin/pip install --quiet --disable-pip-version-check uv # takes a third of pip's time for these
	.cache/checkov/bin/uv pip install --quiet --python .cache/checkov/bin/python --require-hashes -r $<
	@touch $@

.PHONY: lint-infra
lint-infra: .cache/checkov/bin/checkov ## known mistakes in the Terraform files (infra/checkov.yaml lists the exceptions, and why)
	.cache/checkov/bin/checkov --config-file infra/checkov.yaml --directory infra/terraform

test: .cache/checkov/bin/checkov
