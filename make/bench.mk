.PHONY: bench
bench: $(VENV)/.installed-dev ## cost and latency from 1 to 400 calls, in 15 minutes (QUICK=1: 2 minutes); tables and plot in out/bench
	$(BIN)/python -m tests.bench $(if $(QUICK),--quick)
	$(BIN)/python -m tests.bench.resampling
