# What some tests start besides Python. Installed where that needs nobody's permission; elsewhere those tests are skipped
# and say so, and fail in CI.
.PHONY: test-tools
test-tools:
	@command -v haproxy >/dev/null || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null \
	  || { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install haproxy >/dev/null; }

test: test-tools
