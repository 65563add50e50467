"""ElevenLabs Agents over their WebSocket (elevenlabs.md, part A)."""

from relay.agents.elevenlabs.options import ElevenLabsOptions
from relay.agents.elevenlabs.session import configure
from relay.agents.vendor import Vendor

VENDORS = {
    "elevenlabs": Vendor(
        title="ElevenLabs",
        configure=configure,
        options=ElevenLabsOptions,
        key_env="ELEVENLABS_API_KEY",  # a public agent needs no key; checking it needs the agent, too
        heard="pcm_16000",
        spoken="pcm_16000",
    )
}
