"""Options of an OpenAI agent in AGENTS_FILE."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal

from msgspec import Meta

from relay.agents.vendor import HostedOptions

DEFAULT_MODEL: Final = "gpt-realtime-2.1"

ENDS: Final = {
    "gpt-realtime": "2027-01-20",
    "gpt-realtime-mini": "2027-01-20",
    "whisper-1": "2027-02-26",
    "gpt-4o-transcribe": "2027-02-26",
    "gpt-4o-mini-transcribe": "2027-02-26",
    "gpt-4o-mini-transcribe-2025-12-15": "2027-02-26",
    "gpt-4o-transcribe-diarize": "2027-02-26",
}
"""Models that will be shut down (developers.openai.com, deprecations)."""

LISTED_LANGUAGES: Final = frozenset({"gpt-transcribe", "gpt-live-transcribe"})
"""Transcription models that take a list of languages; the older ones take one."""


class RealtimeOptions(HostedOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of all services that speak OpenAI Realtime's messages; the `id` of their agents is the model."""

    takes: ClassVar[Mapping[str, str]] = {**HostedOptions.takes, "voice": "voice"}

    voice: str = ""
    codec: Literal["auto", "pcma", "pcmu", "pcm"] = "auto"
    """A-law, μ-law, or PCM at 24 kHz; `auto`: on an 8 kHz line the law of the called number's country, else PCM."""
    threshold: Annotated[float, Meta(ge=0, le=1)] = 0.5
    silence_ms: Annotated[int, Meta(ge=100, le=5000)] = 500
    api_key_env: str = ""
    base_url: str = ""


class OpenAIOptions(RealtimeOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of an OpenAI agent."""

    takes: ClassVar[Mapping[str, str]] = {**RealtimeOptions.takes, "speed": "speed", "language": "language"}

    voice: str = "marin"
    speed: Annotated[float, Meta(ge=0.25, le=1.5)] = 1.0
    language: str = ""
    """Of the caller, as ISO 639-1, for the transcript."""
    transcription_model: str = "gpt-transcribe"
    noise_reduction: Literal["", "near_field", "far_field"] = ""
    turn_detection: Literal["server_vad", "semantic_vad"] = "server_vad"
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    api_key_env: str = "OPENAI_API_KEY"
    base_url: str = "https://api.openai.com"


class AzureOpenAIOptions(OpenAIOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of an OpenAI agent at Azure: `id` is the deployment's name, `base_url` the resource's address."""

    api_key_env: str = "AZURE_OPENAI_API_KEY"
    base_url: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError without an address: every customer has one of their own."""
        if not self.base_url:
            raise ValueError("expected base_url, such as https://RESOURCE.openai.azure.com")


class GrokOptions(RealtimeOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of an agent of xAI's."""

    voice: str = "eve"
    threshold: Annotated[float, Meta(ge=0.1, le=0.9)] = 0.85
    api_key_env: str = "XAI_API_KEY"
    base_url: str = "https://api.x.ai"


OPENAI_VOICES: Final = frozenset(
    {"alloy", "ash", "ballad", "cedar", "coral", "echo", "marin", "sage", "shimmer", "verse"}
)
"""Voices of OpenAI's own models, as Voice Live knows them."""


class VoiceLiveOptions(RealtimeOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of an agent of Azure's Voice Live: `id` is the model, `base_url` the resource's address."""

    takes: ClassVar[Mapping[str, str]] = {**RealtimeOptions.takes, "speed": "speed", "language": "language"}

    voice: str = "en-US-Ava:DragonHDLatestNeural"
    """Of Azure's speech service, such as `en-IN-NeerjaNeural`; of OpenAI's, or of the model `azure-realtime`."""
    speed: Annotated[float, Meta(ge=0.5, le=1.5)] = 1.0
    """Of Azure's voices."""
    language: str = ""
    """Of the caller, for the transcript: one, or several with commas between, such as `en-IN,hi-IN`."""
    transcription_model: str = "azure-speech"
    noise_reduction: Literal["", "azure_deep_noise_suppression", "near_field", "far_field"] = ""
    turn_detection: Literal["server_vad", "azure_semantic_vad", "azure_semantic_vad_multilingual"] = (
        "azure_semantic_vad_multilingual"
    )
    echo_cancellation: bool = False
    """Voice Live's own, which expects what it sends to be heard within two seconds; the relay's guard knows better."""
    api_version: str = "2026-07-15"
    api_key_env: str = "AZURE_VOICE_LIVE_API_KEY"

    def __post_init__(self) -> None:
        """Raises ValueError without an address: every customer has one of their own."""
        if not self.base_url:
            raise ValueError("expected base_url, such as https://RESOURCE.services.ai.azure.com")
