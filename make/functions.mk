PACKAGE = $(BIN)/python scripts/package_functions.py $(if $(TRACING),--tracing) $(if $(FLAC),--flac)

.PHONY: package
package: $(VENV)/.installed-relay ## build/*.zip: the functions for Lambda and Cloud Functions
	$(PACKAGE)

.PHONY: bench-functions
bench-functions: $(VENV)/.installed-dev ## connect answer and cold import, measured
	$(BIN)/python -m pytest tests/bench/functions -m bench -q -s
