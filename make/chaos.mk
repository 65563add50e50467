.PHONY: chaos
chaos: $(VENV)/.installed-dev .cache/fuzz/.installed ## faults over 100 calls, a soak of 20,000, twenty million fuzzed inputs; half an hour to three quarters; docs/faults.md
	$(BIN)/python -m tests.chaos
	$(BIN)/python -m tests.chaos.live
	$(BIN)/python -m tests.chaos.fuzz
	.cache/fuzz/bin/python -m tests.chaos.guided_fuzz
	$(BIN)/python -m tests.chaos.http_surface .cache/fuzz/bin/st
	$(BIN)/python -m pytest -q -m chaos
