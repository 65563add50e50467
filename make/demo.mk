SCENARIO ?= reception

.PHONY: demo
demo: $(VENV)/.installed-demo ## a whole call on this machine, to see and hear; SCENARIO=name for another one
	@$(BIN)/python -m sim.demo $(SCENARIO)

.PHONY: run
run: $(VENV)/.installed-relay ## the relay for real calls: set ELEVENLABS_AGENT_ID and ELEVENLABS_API_KEY first
	@$(BIN)/python -m sim.applet_url
	@exec $(BIN)/python -m relay
