.PHONY: bench
bench: $(VENV)/.installed-dev ## cost and latency from 1 to 400 calls, in 15 minutes (QUICK=1: 2 minutes; AGENT=name: one vendor); tables and plot in out/bench
ifdef AGENT
	$(BIN)/python -m tests.bench.agents $(filter-out all,$(AGENT))
else
	$(BIN)/python -m tests.bench $(if $(QUICK),--quick)
	$(BIN)/python -m tests.bench.refusal
	$(BIN)/python -m tests.bench.resampling
endif
