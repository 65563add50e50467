.PHONY: plan-aws deploy-aws destroy-aws
plan-aws: package $(VENV)/.installed-functions-aws ## what a deploy to AWS would change; changes nothing
	$(BIN)/python -m scripts.deploy_aws plan

deploy-aws: package $(VENV)/.installed-functions-aws ## deploy to AWS and say what to paste where (docs/aws.md)
	$(BIN)/python -m scripts.deploy_aws deploy

destroy-aws: $(VENV)/.installed-functions-aws ## take everything down again; refuses while there are records (docs/aws.md)
	$(BIN)/python -m scripts.deploy_aws destroy

.cache/checkov/bin/checkov: requirements/checkov.txt
	$(PYTHON) -m venv --clear .cache/checkov
	.cache/checkov/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

.PHONY: lint-infra
lint-infra: .cache/checkov/bin/checkov ## known mistakes in the AWS files (infra/checkov.yaml says what is let pass, and why)
	.cache/checkov/bin/checkov --config-file infra/checkov.yaml --directory infra/terraform/aws
