SCENARIO ?= reception

.PHONY: demo
demo: $(VENV)/.installed-demo ## a whole call on this machine, to see and hear; SCENARIO=name for another one
	@$(BIN)/python -m sim.demo $(SCENARIO)
