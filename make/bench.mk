.PHONY: compiled
compiled: $(VENV)/.installed-dev ## compile the relay as for its image, into .cache/compiled (relay/compiled.py)
	$(BIN)/python scripts/compile_relay.py

.PHONY: bench
bench: $(VENV)/.installed-dev ## cost and latency from 1 to 400 calls, in 15 minutes (QUICK=1: 2 minutes; AGENT=name: one vendor); tables and plot in out/bench
ifdef AGENT
	$(BIN)/python -m tests.bench.agents $(if $(QUICK),--quick) $(filter-out all,$(AGENT))
else
	$(BIN)/python -m tests.bench $(if $(QUICK),--quick)
	$(BIN)/python -m tests.bench.refusal
	$(BIN)/python -m tests.bench.resampling
endif

# Others' judges of likeness, in an environment of their own; pesq is compiled on the way.
.cache/sound/.installed:
	$(PYTHON) -m venv .cache/sound
	.cache/sound/bin/pip install --quiet --disable-pip-version-check pesq==0.0.4 pystoi==0.4.1
	@touch $@

.PHONY: bench-sound
bench-sound: $(VENV)/.installed-dev .cache/sound/.installed ## sound quality in figures that must not get worse, and the cost of each part
	$(BIN)/python -m tests.bench.sound
