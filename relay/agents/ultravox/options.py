"""Options of an Ultravox agent in AGENTS_FILE."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final

from msgspec import Meta

from relay.agents.vendor import HostedOptions

DEFAULT_MODEL: Final = "ultravox-v0.7"


class UltravoxOptions(HostedOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of an Ultravox agent; its `id` is the model."""

    takes: ClassVar[Mapping[str, str]] = {**HostedOptions.takes, "voice": "voice", "language": "language"}

    voice: str = ""
    """Name or id of a voice; empty: Ultravox's choice."""
    language: str = ""
    """A BCP 47 code that guides hearing and speaking, such as `hi-IN`."""
    temperature: Annotated[float, Meta(ge=0, le=1)] = 0.0
    api_key_env: str = "ULTRAVOX_API_KEY"
    base_url: str = "https://api.ultravox.ai"
