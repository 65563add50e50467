"""OpenAI Realtime, and services that speak its messages (other-agents.md B1, B4, B4a, B4b)."""

from relay.agents.openai.dialect import AZURE, GROK, OPENAI, VOICE_LIVE
from relay.agents.openai.options import (
    DEFAULT_MODEL,
    ENDS,
    AzureOpenAIOptions,
    GrokOptions,
    OpenAIOptions,
    VoiceLiveOptions,
)
from relay.agents.openai.session import configured
from relay.agents.vendor import KeyCheck, Vendor

_GROK_MODEL = "grok-voice-latest"
_VOICE_LIVE_MODEL = "gpt-4.1"

VENDORS = {
    "openai": Vendor(
        title="OpenAI",
        configure=configured(OpenAIOptions, OPENAI, DEFAULT_MODEL),
        options=OpenAIOptions,
        key_env="OPENAI_API_KEY",
        key_check=KeyCheck("https://api.openai.com", "/v1/models", "Authorization", "Bearer {key}"),
        heard="alaw_8000",
        spoken="alaw_8000",
        default_id=DEFAULT_MODEL,
        ends=ENDS,
    ),
    "azure_openai": Vendor(
        title="Azure OpenAI",
        configure=configured(AzureOpenAIOptions, AZURE, DEFAULT_MODEL),
        options=AzureOpenAIOptions,
        needs={"base_url": "https://RESOURCE.openai.azure.com"},
        key_env="AZURE_OPENAI_API_KEY",  # no KeyCheck: the address is the customer's own
        heard="alaw_8000",
        spoken="alaw_8000",
        default_id=DEFAULT_MODEL,
        codec="openai",
    ),
    "grok": Vendor(
        title="Grok",
        configure=configured(GrokOptions, GROK, _GROK_MODEL),
        options=GrokOptions,
        key_env="XAI_API_KEY",
        key_check=KeyCheck("https://api.x.ai", "/v1/models", "Authorization", "Bearer {key}"),
        heard="alaw_8000",
        spoken="alaw_8000",
        default_id=_GROK_MODEL,
        codec="openai",
    ),
    "azure_voice_live": Vendor(
        title="Azure Voice Live",
        configure=configured(VoiceLiveOptions, VOICE_LIVE, _VOICE_LIVE_MODEL),
        options=VoiceLiveOptions,
        needs={"base_url": "https://RESOURCE.services.ai.azure.com"},
        key_env="AZURE_VOICE_LIVE_API_KEY",  # no KeyCheck: the address is the customer's own
        heard="alaw_8000",
        spoken="alaw_8000",
        default_id=_VOICE_LIVE_MODEL,
        codec="openai",
    ),
}
