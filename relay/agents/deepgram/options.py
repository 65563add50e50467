"""Options of a Deepgram agent in AGENTS_FILE."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from msgspec import Meta

from relay.agents.vendor import HostedOptions


class DeepgramOptions(HostedOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of a Deepgram agent; its `id` is only a name for the record."""

    takes: ClassVar[Mapping[str, str]] = {**HostedOptions.takes, "voice": "speak_model", "language": "language"}

    language: str = "en"
    listen_model: str = "nova-3"
    eot_threshold: Annotated[float, Meta(ge=0.5, le=1.0)] | None = None
    """How sure Flux must be that the caller has finished."""
    eot_timeout_ms: Annotated[int, Meta(ge=500, le=60_000)] | None = None
    """Silence after which Flux takes the caller for finished, however sure it is."""
    think_provider: str = "open_ai"
    think_model: str = "gpt-4o-mini"
    speak_model: str = "aura-2-thalia-en"
    api_key_env: str = "DEEPGRAM_API_KEY"
    base_url: str = "https://agent.deepgram.com"

    def __post_init__(self) -> None:
        """Raises ValueError for options that Deepgram would refuse when the call begins."""
        if not self.is_flux and (self.eot_threshold is not None or self.eot_timeout_ms is not None):
            raise ValueError("expected eot_threshold and eot_timeout_ms only with a flux model as listen_model")

    @property
    def is_flux(self) -> bool:
        """Flux detects the ends of turns itself, has another version of the API, and takes no language."""
        return self.listen_model.startswith("flux")
