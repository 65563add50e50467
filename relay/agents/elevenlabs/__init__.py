"""ElevenLabs Agents over their WebSocket (elevenlabs.md, part A)."""

from relay.agents.elevenlabs.options import ElevenLabsOptions
from relay.agents.elevenlabs.session import configure
from relay.agents.vendor import Vendor

VENDORS = {
    "elevenlabs": Vendor(
        title="ElevenLabs",
        configure=configure,
        options=ElevenLabsOptions,
        key_env="ELEVENLABS_API_KEY",  # which a public agent does not need; trying it takes the agent, too
        heard="pcm_16000",
        spoken="pcm_16000",
    )
}
