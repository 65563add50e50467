# What some tests start besides Python. Installed where that needs nobody's permission; elsewhere those tests are skipped
# and say so, and fail in CI.
TOOLS := haproxy caddy espeak-ng
AMR := libopencore-amrnb0

.PHONY: test-tools
test-tools:
	@for tool in $(TOOLS); do command -v $$tool >/dev/null || missing="$${missing:-} $$tool"; done; \
	ls /usr/lib/*/libopencore-amrnb.so.0 >/dev/null 2>&1 || missing="$${missing:-} $(AMR)"; \
	[ -z "$${missing:-}" ] || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null \
	  || { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $$missing >/dev/null; }

test: test-tools
