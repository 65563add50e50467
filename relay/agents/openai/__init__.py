"""OpenAI Realtime, in the shapes of its general availability (other-agents.md B1)."""

from relay.agents.openai.options import DEFAULT_MODEL, ENDS, OpenAIOptions
from relay.agents.openai.session import configure
from relay.agents.vendor import KeyCheck, Vendor

VENDORS = {
    "openai": Vendor(
        title="OpenAI",
        configure=configure,
        options=OpenAIOptions,
        key_env="OPENAI_API_KEY",
        key_check=KeyCheck("https://api.openai.com", "/v1/models", "Authorization", "Bearer {key}"),
        heard="alaw_8000",
        spoken="alaw_8000",
        default_id=DEFAULT_MODEL,
        ends=ENDS,
    )
}
