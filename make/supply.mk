# What is deployed comes from these; the tools that look after them have an environment of their own.
SHIPPED := relay functions-aws functions-gcp

.PHONY: audit licences sbom
audit: .cache/supply/.installed build/sbom/image.cdx.json ## known vulnerabilities in what is deployed, including the image's Debian packages
	for name in $(SHIPPED); do \
	  .cache/supply/bin/pip-audit --strict --disable-pip --progress-spinner off -r requirements/$$name.txt || { \
	    echo "make audit: requirements/$$name.txt was not found clean. Either the lines above name a known hole, or the database could not" \
	      "be asked: it is the public Python Package Index itself, a mirror of it does not do. Nothing is audited until this passes."; exit 1; }; \
	done
	.cache/supply/bin/python scripts/audit_debian.py build/sbom/image.cdx.json

licences: .cache/supply/.installed $(VENV)/.installed-dev ## the licences of what is deployed: docs/licences.md
	$(PYTHON) scripts/licences.py .cache/supply/bin/pip-licenses $(BIN)/python $(SHIPPED:%=requirements/%.txt) > docs/licences.md.new
	mv docs/licences.md.new docs/licences.md

sbom: $(SHIPPED:%=build/sbom/%.cdx.json) ## SBOMs (CycloneDX) of image and functions, written by every `make package`

build/sbom/%.cdx.json: requirements/%.txt pyproject.toml .cache/supply/.installed
	@mkdir -p $(@D)
	.cache/supply/bin/cyclonedx-py requirements $< --pyproject pyproject.toml --output-reproducible -o $@

package: sbom

ENGINE ?= docker

build/sbom/image.cdx.json: relay/Dockerfile requirements/relay.txt
	$(MAKE) image

.PHONY: image
image: ## the relay's image, and its SBOM build/sbom/image.cdx.json, including Debian's libraries
	$(ENGINE) build --file relay/Dockerfile --tag relay .
	@mkdir -p build/sbom
	$(ENGINE) run --rm --entrypoint python relay -c 'print(open("/usr/share/sbom/relay.cdx.json").read())' > build/sbom/image.cdx.json.new
	mv build/sbom/image.cdx.json.new build/sbom/image.cdx.json
