SCENARIO ?= reception

.PHONY: demo
demo: $(VENV)/.installed-demo ## run a whole call on this machine, to see and hear; SCENARIO=name for another one, BOT=name for an example bot, AGENT=name for a vendor without a key
	@$(BIN)/python -m $(if $(BOT),sim.bots $(BOT),$(if $(AGENT),sim.agents $(AGENT),console demo $(SCENARIO)))
