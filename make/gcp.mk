.PHONY: package-gcp plan-gcp deploy-gcp rollback-gcp destroy-gcp
package-gcp: $(VENV)/.installed-relay
	$(PACKAGE) --cloud gcp

plan-gcp: package-gcp $(VENV)/.installed-tools ## what a deploy to Google Cloud would change; changes nothing
	$(BIN)/python -m console deploy gcp plan

deploy-gcp: package-gcp $(VENV)/.installed-tools ## deploy to Google Cloud and say what to paste where (docs/gcp.md)
	$(BIN)/python -m console deploy gcp

rollback-gcp: $(VENV)/.installed-relay ## roll back to the previous release, on Google Cloud
	$(BIN)/python -m console rollback gcp

destroy-gcp: $(VENV)/.installed-tools ## destroy the installation; refuses while there are records (docs/gcp.md)
	$(BIN)/python -m console deploy gcp destroy

# What tests need to speak for the Google provider where it can't be fetched.
test chaos: .cache/gcp-standin/.installed
