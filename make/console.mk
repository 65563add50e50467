URL ?=
CONSOLE := exec $(BIN)/python -m console

.PHONY: softphone calls live
softphone: $(VENV)/.installed-tools ## be the caller: a phone in the browser; URL=wss://… for a deployed relay
	@$(CONSOLE) softphone $(URL)

calls: $(VENV)/.installed-console ## explore calls in the browser; STORE=s3://… for those in a bucket
	@$(CONSOLE) calls $(STORE) $(ARGS)

live: $(VENV)/.installed-console ## watch running calls, and act on them; STORE=…, BY=name, ARGS=--look
	@$(CONSOLE) live $(STORE) $(if $(BY),--by "$(BY)") $(ARGS)

# Addresses: from a deployment, or as options in ARGS="--relay wss://… --connect https://…".
.PHONY: doctor
doctor: $(VENV)/.installed-console ## check everything before the first call; DEPLOYMENT=aws|gcp|local, ARGS="--no-call --json"
	@$(CONSOLE) doctor $(if $(DEPLOYMENT),--deployment $(DEPLOYMENT)) $(ARGS)

.PHONY: call
call: $(VENV)/.installed-demo ## call out: make call TO=+91… or LIST=people.csv, more in ARGS="--dry-run …" (docs/console.md)
	@$(CONSOLE) call $(TO) $(if $(LIST),--list $(LIST)) $(ARGS)

# The key stands in .env. WEBHOOK=https://… or DEPLOYMENT=aws|gcp: where the webhook goes.
.PHONY: setup-elevenlabs
setup-elevenlabs: $(VENV)/.installed-tools ## set up your ElevenLabs agent for the relay, after asking; AGENT=…, or CREATE=name for a new one
	@$(CONSOLE) setup elevenlabs $(if $(AGENT),--agent "$(AGENT)") $(if $(CREATE),--create "$(CREATE)") \
	  $(if $(WEBHOOK),--webhook-url "$(WEBHOOK)") $(if $(DEPLOYMENT),--deployment $(DEPLOYMENT)) $(ARGS)

.PHONY: check-bot
PROTOCOL ?= exotel
check-bot: $(VENV)/.installed-demo ## test your own bot: URL=wss://…, PROTOCOL=exotel|twilio, more in ARGS="--rate 16000 …"
	@$(CONSOLE) check-bot $(URL) --protocol $(PROTOCOL) $(ARGS)

.PHONY: replay
replay: $(VENV)/.installed-relay ## deliver events that a relay gave up on: its log on standard input, EVENTS_URL and EVENTS_SECRET
	@$(CONSOLE) replay

.PHONY: export
export: $(VENV)/.installed-console ## calls as a table for a warehouse: FILE=calls.parquet, more in ARGS="--since 2026-11-01" (docs/exports.md)
	@$(CONSOLE) export $(or $(FILE),calls.parquet) $(if $(STORE),--store $(STORE)) $(ARGS)

.PHONY: forget export-person
forget: $(VENV)/.installed-console ## delete everything about one person for good, after asking: NUMBER=+91…, STORE=s3://… (docs/privacy.md)
	@$(CONSOLE) forget $(NUMBER) $(if $(STORE),--store $(STORE)) $(ARGS)

export-person: $(VENV)/.installed-console ## export everything about one person as a zip: NUMBER=+91…, STORE=s3://…
	@$(CONSOLE) export-person $(NUMBER) $(if $(STORE),--store $(STORE)) $(ARGS)

# Needs a voice: espeak-ng, or what the suite names (docs/rehearse.md).
.PHONY: rehearse
SUITE ?= front_desk
rehearse: $(VENV)/.installed-console ## test your agent with simulated callers: SUITE=folder, more in ARGS="--times 5 …" (docs/rehearse.md)
	@$(CONSOLE) rehearse $(SUITE) $(ARGS)

# Where the versions are kept: STORE=s3://…, or DEPLOYMENT=aws|gcp|local; else data/ (docs/change-an-agent.md).
WHERE = $(if $(DEPLOYMENT),--deployment $(DEPLOYMENT),$(if $(STORE),--store $(STORE)))
.PHONY: agents-push agents-pull agents-history agents-rollback
agents-push: $(VENV)/.installed-console ## give the relays another agents' file: FILE=agents.toml, NOTE="why", DEPLOYMENT=aws|gcp|local
	@$(CONSOLE) agents push $(FILE) $(WHERE) $(if $(NOTE),--note "$(NOTE)") $(ARGS)

agents-pull: $(VENV)/.installed-console ## write the relays' current agents' file to FILE=agents.toml, with its sounds; VERSION=7
	@$(CONSOLE) agents pull $(FILE) $(WHERE) $(if $(VERSION),--version $(VERSION)) $(ARGS)

agents-history: $(VENV)/.installed-console ## who changed the agents when, and what each relay serves
	@$(CONSOLE) agents history $(WHERE) $(ARGS)

agents-rollback: $(VENV)/.installed-console ## return the relays to the previous agents' file, or VERSION=7
	@$(CONSOLE) agents rollback $(VERSION) $(WHERE) $(if $(NOTE),--note "$(NOTE)") $(ARGS)

.PHONY: plan
plan: $(VENV)/.installed-demo ## relays, sessions and monthly cost: CALLS=5000 a month, MINUTES=3 each; ARGS="--page" for sliders
	@$(CONSOLE) plan $(if $(CALLS),--calls $(CALLS)) $(if $(MINUTES),--call-minutes $(MINUTES)) $(ARGS)

# Browsers for the tests of the console's pages, where we may install one; elsewhere the tests say that it is missing.
.PHONY: tools-console
tools-console: | test-tools # which installs from the same place
	@if ! { command -v chromium && command -v firefox-esr; } >/dev/null && test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
	  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends chromium firefox-esr; fi

test: tools-console

.PHONY: bench-console
bench-console: $(VENV)/.installed-dev tools-console ## the explorer over 100,000 calls, measured
	$(BIN)/python -m pytest tests/bench/console -m bench -q -s
