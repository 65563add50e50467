# A gateway that others wrote: LiteLLM's proxy, through which the relay speaks with OpenAI's fake (tests/contract).
.cache/litellm/bin/python: requirements/litellm.txt
	$(PYTHON) -m venv --clear .cache/litellm
	.cache/litellm/bin/pip install --quiet --disable-pip-version-check uv # takes a third of pip's time for these
	.cache/litellm/bin/uv pip install --quiet --python .cache/litellm/bin/python --require-hashes -r $<
	@touch $@

chaos: .cache/litellm/bin/python
