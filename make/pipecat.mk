# Bots that others wrote: pipecat's own servers, which the relay calls as Exotel and as Twilio do (tests/contract).
.cache/pipecat/bin/python: requirements/pipecat.txt
	$(PYTHON) -m venv --clear .cache/pipecat
	.cache/pipecat/bin/pip install --quiet --disable-pip-version-check uv # takes a third of pip's time for these
	.cache/pipecat/bin/uv pip install --quiet --python .cache/pipecat/bin/python --require-hashes -r $<
	@touch $@

test: .cache/pipecat/bin/python
