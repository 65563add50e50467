# The vendors' own SDKs, to which tests hold what the relay and the fakes say (tests/contract). An environment of its
# own: what is deployed needs none of them.
.cache/contract/bin/python: requirements/contract.txt
	$(PYTHON) -m venv --clear .cache/contract
	.cache/contract/bin/pip install --quiet --disable-pip-version-check uv # takes a third of pip's time for these
	.cache/contract/bin/uv pip install --quiet --python .cache/contract/bin/python --require-hashes -r $<
	@touch $@
