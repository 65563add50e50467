.PHONY: run
run: $(VENV)/.installed-tools ## relay and functions for real calls: set ELEVENLABS_AGENT_ID and ELEVENLABS_API_KEY
	@exec $(BIN)/python -m console run
