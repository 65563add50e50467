.PHONY: plan-aws deploy-aws destroy-aws
plan-aws: package $(VENV)/.installed-tools $(VENV)/.installed-functions-aws ## what a deploy to AWS would change; changes nothing
	$(BIN)/python -m console deploy aws plan

deploy-aws: package $(VENV)/.installed-tools $(VENV)/.installed-functions-aws ## deploy to AWS and say what to paste where (docs/aws.md)
	$(BIN)/python -m console deploy aws

destroy-aws: $(VENV)/.installed-tools $(VENV)/.installed-functions-aws ## take everything down again; refuses while there are records (docs/aws.md)
	$(BIN)/python -m console deploy aws destroy
