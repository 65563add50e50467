# The scripts of the console's pages are served as they are; what checks them is pinned in requirements/js and needs node.
JS := .cache/js
.PHONY: lint-js format-js
$(JS)/.installed: requirements/js/package-lock.json
	@mkdir -p $(JS) && cp requirements/js/package.json requirements/js/package-lock.json $(JS)/
	cd $(JS) && npm ci --silent --no-audit --no-fund
	@touch $@

ifneq ($(shell command -v npm),)
lint-js: $(JS)/.checked ## types (tsc, strict), lint and format (biome) of the console's pages
# Again only when a script, or a folder of theirs, has changed: `make test` asks for it after `make lint`.
$(JS)/.checked: $(JS)/.installed make/js.mk biome.json console/tsconfig.json console \
  $(wildcard console/*/page console/*/page/*.[jt]s console/web/shared console/web/shared/*.[jt]s)
	$(JS)/node_modules/.bin/tsc -p console/tsconfig.json
	$(JS)/node_modules/.bin/biome check --error-on-warnings
	@touch $@
else
lint-js:
	@echo "NOT CHECKED: the scripts of the console's pages need node and npm"; test -z "$$CI"
endif

format-js: $(JS)/.installed
	$(JS)/node_modules/.bin/biome check --write

lint: lint-js
