"""Options of a Gemini agent in AGENTS_FILE."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final

from msgspec import Meta

from relay.agents.vendor import HostedOptions

DEFAULT_MODEL: Final = "gemini-3.8-live"


class GeminiOptions(HostedOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of a Gemini agent; its `id` is the model."""

    takes: ClassVar[Mapping[str, str]] = {**HostedOptions.takes, "voice": "voice"}

    voice: str = "Kore"
    silence_ms: Annotated[int, Meta(ge=100, le=5000)] = 500
    prefix_ms: Annotated[int, Meta(ge=0, le=2000)] = 200
    api_version: Annotated[str, Meta(pattern="^v[0-9]+[a-z0-9]*$")] = "v1beta"
    api_key_env: str = "GEMINI_API_KEY"
    base_url: str = "https://generativelanguage.googleapis.com"
