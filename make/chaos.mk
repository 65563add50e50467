.PHONY: chaos
chaos: $(VENV)/.installed-dev ## faults over 100 calls, load, soak and ten million fuzzed inputs, in about an hour; docs/faults.md
	$(BIN)/python -m pytest -q -m chaos tests/chaos
	$(BIN)/python -m tests.chaos
	$(BIN)/python -m tests.chaos.fuzz
