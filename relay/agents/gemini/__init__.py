"""Gemini Live over its WebSocket (other-agents.md B3)."""

from relay.agents.gemini.options import DEFAULT_MODEL, GeminiOptions
from relay.agents.gemini.session import configure
from relay.agents.vendor import KeyCheck, Vendor

VENDORS = {
    "gemini": Vendor(
        title="Gemini",
        configure=configure,
        options=GeminiOptions,
        key_env="GEMINI_API_KEY",
        key_check=KeyCheck("https://generativelanguage.googleapis.com", "/v1beta/models", "x-goog-api-key", "{key}"),
        heard="pcm_16000",
        spoken="pcm_24000",
        default_id=DEFAULT_MODEL,
    )
}
