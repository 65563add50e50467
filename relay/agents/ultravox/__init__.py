"""Ultravox Realtime over a plain WebSocket (other-agents.md B8)."""

from relay.agents.ultravox.options import DEFAULT_MODEL, UltravoxOptions
from relay.agents.ultravox.session import configure
from relay.agents.vendor import KeyCheck, Vendor

VENDORS = {
    "ultravox": Vendor(
        title="Ultravox",
        configure=configure,
        options=UltravoxOptions,
        key_env="ULTRAVOX_API_KEY",
        key_check=KeyCheck("https://api.ultravox.ai", "/api/accounts/me", "X-API-Key", "{key}"),
        heard="pcm_8000",
        spoken="pcm_8000",
        default_id=DEFAULT_MODEL,
    )
}
