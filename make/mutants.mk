# The tests and what they test with, and mutmut, which breaks the code under them.
.cache/mutants/bin/mutmut: requirements/dev.txt requirements/mutants.txt
	$(PYTHON) -m venv --clear .cache/mutants
	.cache/mutants/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt -r requirements/mutants.txt
	@touch $@

.PHONY: mutants
mutants: .cache/mutants/bin/mutmut ## break 200 lines at random, one at a time: how many does a unit test notice? Half an hour; out/mutants.md
	rm -rf mutants
	$(PYTHON) scripts/mutants.py $<
