"""What a Deepgram agent can be told in AGENTS_FILE."""

from relay.agents.vendor import HostedOptions


class DeepgramOptions(HostedOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of a Deepgram agent; its `id` is only a name for the record."""

    language: str = "en"
    listen_model: str = "nova-3"
    think_provider: str = "open_ai"
    think_model: str = "gpt-4o-mini"
    speak_model: str = "aura-2-thalia-en"
    api_key_env: str = "DEEPGRAM_API_KEY"
    base_url: str = "https://agent.deepgram.com"
