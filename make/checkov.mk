# A second opinion on the Terraform files, with the exceptions that infra/checkov.yaml gives reasons for.
.cache/checkov/bin/checkov: requirements/checkov.txt
	$(PYTHON) -m venv --clear .cache/checkov
	.cache/checkov/bin/pip install --quiet --disable-pip-version-check uv # half a minute less than pip takes for these
	.cache/checkov/bin/uv pip install --quiet --python .cache/checkov/bin/python --require-hashes -r $<
	@touch $@

.PHONY: checkov
checkov: .cache/checkov/bin/checkov ## look for known weaknesses in the Terraform files
	.cache/checkov/bin/checkov --config-file infra/checkov.yaml --directory infra/terraform
