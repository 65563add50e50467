# The tests and what they test with, and mutmut, which breaks the code under them.
.cache/mutants/.installed: requirements/dev.txt

.PHONY: mutants
mutants: .cache/mutants/.installed ## break 200 lines at random, one at a time: how many does a unit test notice? Half an hour; out/mutants.md
	rm -rf mutants
	$(PYTHON) scripts/mutants.py .cache/mutants/bin/mutmut
