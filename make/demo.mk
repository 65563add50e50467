SCENARIO ?= reception

.PHONY: demo
demo: $(VENV)/.installed-demo ## a whole call on this machine, to see and hear; SCENARIO=name for another one, BOT=name for an example bot
	@$(BIN)/python -m $(if $(BOT),sim.bots $(BOT),console demo $(SCENARIO))
