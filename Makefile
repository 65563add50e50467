# `make demo` and `make test` need nothing but Python 3.11+, make and git; everything else is set up on the way.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

# One environment a requirements file, created again when the file changes.
define python
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.13"; exit 1; }
endef

$(VENV)/.installed-%: requirements/%.txt
	$(python)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# What only developers need is large, and uv takes a third of pip's time for it.
$(VENV)/.installed-dev: requirements/dev.txt
	$(python)
	$(BIN)/pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r $<
	@touch $@

# The same in a folder of its own, for what must not mix with ours. A file of ours marks it as done: .cache/NAME/bin/python
# leads to the system's Python, which must not be changed and is the same for all of them.
.cache/%/.installed: requirements/%.txt
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check uv
	$(@D)/bin/uv pip install --quiet --python $(@D)/bin/python --require-hashes $(^:%=-r %)
	@touch $@

.PHONY: lint
lint: $(VENV)/.installed-dev ## ruff, mypy (strict), and the scripts of the console's pages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# More than cores: some wait for Terraform's provider, a browser or a sound in real time.
WORKERS ?= 4

.PHONY: test
test: export PYTHONDONTWRITEBYTECODE = # written: the workers and hundreds of processes would compile the same again
# Terraform and its provider live for seconds: collecting garbage took a quarter of their CPU.
test: export GOGC ?= 400
test: $(VENV)/.installed-dev ## all tests but the long runs of make chaos, in fifteen to twenty minutes on two cores
	$(BIN)/python -m tests.support.terraform
	# Processes and sounds of real time share the machine with whatever runs beside them: what failed is asked once more, alone.
	# What make was told (-j) is not for the makes that tests start.
	MAKEFLAGS= $(BIN)/python -m pytest -m "not bench and not chaos" -n $(WORKERS) --durations 25 \
	  || MAKEFLAGS= $(BIN)/python -m pytest -m "not bench and not chaos" --last-failed --last-failed-no-failures none

LOCK := .cache/lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

.PHONY: lock
lock: ## pin what requirements/*.in ask for, with hashes, and the image's base; what is deployed with the versions that the tests run with
	$(PYTHON) -m venv .cache/lock && .cache/lock/bin/pip install --quiet uv
	for name in dev contract pipecat litellm checkov gcp-standin; do $(LOCK) requirements/$$name.in -o requirements/$$name.txt; done
	for name in relay compile functions-aws functions-gcp tools demo console tracing flac supply fuzz mutants; do \
	  $(LOCK) --constraints requirements/dev.txt requirements/$$name.in -o requirements/$$name.txt; done
	$(PYTHON) scripts/base_image.py

-include make/*.mk
