# The tests and what they test with, and mutmut, which breaks the code under them.
.cache/mutants/.installed: requirements/dev.txt

test: .cache/mutants/.installed # tests of make mutants run it

COUNT ?= 200
SEED ?= 1
.PHONY: mutants
mutants: .cache/mutants/.installed ## break 200 lines at random, one at a time: how many do tests notice? An hour or two; COUNT=20 SEED=2; out/mutants.md
	.cache/mutants/bin/python -m scripts.mutants --count $(COUNT) --seed $(SEED) \
	  $(if $(ONLY),--only $(ONLY)) $(if $(TESTS),--tests $(TESTS)) $(ARGS)
