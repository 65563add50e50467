.PHONY: plan-aws deploy-aws rollback-aws destroy-aws environments lock-providers
plan-aws: package $(VENV)/.installed-tools $(VENV)/.installed-functions-aws ## what a deploy to AWS would change; changes nothing
	$(BIN)/python -m console deploy aws plan

deploy-aws: package $(VENV)/.installed-tools $(VENV)/.installed-functions-aws ## deploy to AWS and say what to paste where (docs/aws.md)
	$(BIN)/python -m console deploy aws

rollback-aws: $(VENV)/.installed-relay $(VENV)/.installed-functions-aws ## roll back to the previous release, on AWS
	$(BIN)/python -m console rollback aws

environments: $(VENV)/.installed-relay ## list installations, and where the state of each is
	$(BIN)/python -m console environments

destroy-aws: $(VENV)/.installed-tools $(VENV)/.installed-functions-aws ## destroy the installation; refuses while there are records (docs/aws.md)
	$(BIN)/python -m console deploy aws destroy

# Needs the registry: it fetches the provider of each platform, checks its signature and writes its hashes.
PLATFORMS := linux_amd64 linux_arm64 darwin_amd64 darwin_arm64
lock-providers: ## lock the newest Terraform providers that versions.tf allows, for four platforms
	for cloud in aws gcp; do terraform -chdir=infra/terraform/$$cloud providers lock $(PLATFORMS:%=-platform=%); done
