"""A fake of Azure's Voice Live (other-agents.md B4b): OpenAI's messages by older names, with flat sessions."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from relay.agents.openai.fake import FakeOpenAI, OpenAIConversation
from relay.agents.openai.fake_shapes import Append, Function, ItemCreate, ItemTruncate, ResponseCreate, SessionUpdate
from sim.vendors.record import BrokenRuleError

OLDER_NAMES: Final = {
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
}
FORMATS: Final = {
    ("g711_ulaw", 8000, "g711_ulaw"): "ulaw_8000",
    ("g711_alaw", 8000, "g711_alaw"): "alaw_8000",
    ("pcm16", 16000, "pcm16_16000hz"): "pcm_16000",
    ("pcm16", 24000, "pcm16"): "pcm_24000",
}
"""What is heard, its rate, and what is spoken. At 8 kHz PCM is in the SDK but not in the documents: not here."""


class _Strict(Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class _Typed(_Strict, tag_field="type"):
    pass


class Voice(_Strict):
    type: Literal["azure-standard", "openai", "azure-realtime-native"]
    name: str
    rate: Annotated[str, Meta(pattern=r"^(0\.[5-9]\d*|1(\.[0-5]\d*)?)$")] | None = None


class Turns(_Strict):
    type: Literal["server_vad", "azure_semantic_vad", "azure_semantic_vad_multilingual"]
    threshold: Annotated[float, Meta(ge=0, le=1)] = 0.5
    silence_duration_ms: int = 500
    prefix_padding_ms: int = 400


class NoiseReduction(_Strict):
    type: Literal["azure_deep_noise_suppression", "near_field", "far_field"]


class EchoCancellation(_Typed, tag="server_echo_cancellation"):
    pass


class Transcription(_Strict):
    model: str
    language: str = ""


class Session(_Strict, omit_defaults=True):
    modalities: list[Literal["text", "audio"]]
    voice: Voice
    input_audio_format: Literal["pcm16", "g711_ulaw", "g711_alaw"] = "pcm16"
    input_audio_sampling_rate: int = 24000
    output_audio_format: Literal["pcm16", "pcm16_8000hz", "pcm16_16000hz", "g711_ulaw", "g711_alaw"] = "pcm16"
    instructions: str = ""
    input_audio_transcription: Transcription | None = None
    input_audio_noise_reduction: NoiseReduction | None = None
    input_audio_echo_cancellation: EchoCancellation | None = None
    turn_detection: Turns | None = None
    tools: list[Function] = []
    tool_choice: str = "auto"


class VoiceLiveSessionUpdate(SessionUpdate, tag="session.update"):
    session: Session  # type: ignore[assignment]  # the same place, another shape


class VoiceLiveConversation(OpenAIConversation):
    """One session."""

    name = "azure_voice_live"
    messages = VoiceLiveSessionUpdate | Append | ItemCreate | ItemTruncate | ResponseCreate
    first: ClassVar[Mapping[str, Any]] = {"type": "session.created", "session": {"id": "sess_fake"}}

    def format_asked_for(self, session: Session) -> str:
        asked = session.input_audio_format, session.input_audio_sampling_rate, session.output_audio_format
        if asked not in FORMATS:
            raise BrokenRuleError("unsupported_format", str(asked))
        return FORMATS[asked]

    def confirmed(self, session: Session, name: str) -> dict[str, Any]:
        heard, rate_hz, spoken = next(names for names, known in FORMATS.items() if known == name)
        formats = {
            "input_audio_format": heard,
            "input_audio_sampling_rate": rate_hz,
            "output_audio_format": spoken,
        }
        return {"id": "sess_fake", **msgspec.to_builtins(session), **formats}

    async def send(self, message: Mapping[str, Any], *, binary: bool = False) -> None:
        """In the older words, and without what came later."""
        older = {key: value for key, value in message.items() if key != "usage"}
        older["type"] = OLDER_NAMES.get(message["type"], message["type"])
        await super().send(older, binary=binary)


class FakeAzureVoiceLive(FakeOpenAI):
    """Serve `app()` and give its URL as the option `base_url`."""

    path = "/voice-live/realtime"
    conversation = VoiceLiveConversation

    def authorized(self, request: web.Request) -> bool:
        """A key in a header of Azure's own, a version and a model."""
        said = bool(request.query.get("model")) and bool(request.query.get("api-version"))
        return said and request.headers.get("api-key") == self.api_key
