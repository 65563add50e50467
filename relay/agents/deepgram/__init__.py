"""Deepgram Voice Agent over its WebSocket (other-agents.md B2)."""

from relay.agents.deepgram.options import DeepgramOptions
from relay.agents.deepgram.session import configure
from relay.agents.vendor import KeyCheck, Vendor

VENDORS = {
    "deepgram": Vendor(
        title="Deepgram",
        configure=configure,
        options=DeepgramOptions,
        key_env="DEEPGRAM_API_KEY",
        key_check=KeyCheck("https://api.deepgram.com", "/v1/projects", "Authorization", "Token {key}"),
        heard="pcm_8000",
        spoken="pcm_8000",
    )
}
