PART ?= relay

.PHONY: test-fast release
test-fast: $(VENV)/.installed-dev ## unit tests of one part, in less than a minute: PART=common|relay|functions|sim|console
	$(BIN)/python -m pytest -q -n auto tests/unit/$(PART)

release: $(VENV)/.installed-relay sbom ## tag the version of common/__init__.py and write its SBOMs (CONTRIBUTING.md)
	$(BIN)/python -m scripts.release
