"""What a client may send to OpenAI Realtime (other-agents.md B1); the fake takes anything else for an error."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct


class _Strict(Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class _Typed(_Strict, tag_field="type"):
    pass


class Pcm(_Typed, tag="audio/pcm"):
    rate: Literal[24000]


class Pcmu(_Typed, tag="audio/pcmu"):
    pass


class Pcma(_Typed, tag="audio/pcma"):
    pass


class ServerVad(_Typed, tag="server_vad"):
    threshold: Annotated[float, Meta(ge=0, le=1)] = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500
    create_response: bool = True
    interrupt_response: bool = True
    idle_timeout_ms: int | None = None


class SemanticVad(_Typed, tag="semantic_vad"):
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: bool = True
    interrupt_response: bool = True


class Transcription(_Strict):
    model: str
    language: str | None = None
    languages: list[str] | None = None


class NoiseReduction(_Strict):
    type: Literal["near_field", "far_field"]


class AudioIn(_Strict):
    format: Pcm | Pcmu | Pcma
    transcription: Transcription | None = None
    noise_reduction: NoiseReduction | None = None
    turn_detection: ServerVad | SemanticVad | None = None


class AudioOut(_Strict):
    format: Pcm | Pcmu | Pcma
    voice: str = "alloy"
    speed: Annotated[float, Meta(ge=0.25, le=1.5)] = 1.0


class Audio(_Strict):
    input: AudioIn
    output: AudioOut


class Function(_Typed, tag="function"):
    name: str
    description: str
    parameters: Mapping[str, Any]


class Session(_Typed, tag="realtime"):
    audio: Audio
    output_modalities: Annotated[list[Literal["audio", "text"]], Meta(min_length=1, max_length=1)]
    instructions: str = ""
    tools: list[Function] = []
    tool_choice: str = "auto"
    max_output_tokens: int | Literal["inf"] = "inf"


class SessionUpdate(_Typed, tag="session.update"):
    session: Session


class Append(_Typed, tag="input_audio_buffer.append"):
    audio: str


class Content(_Typed, tag="input_text"):
    text: str


class MessageItem(_Typed, tag="message"):
    role: Literal["system", "user"]
    content: list[Content]


class FunctionOutput(_Typed, tag="function_call_output"):
    call_id: str
    output: str


class ItemCreate(_Typed, tag="conversation.item.create"):
    item: MessageItem | FunctionOutput


class ItemTruncate(_Typed, tag="conversation.item.truncate"):
    item_id: str
    content_index: Literal[0]
    audio_end_ms: Annotated[int, Meta(ge=0)]


class ResponseOptions(_Strict):
    instructions: str = ""


class ResponseCreate(_Typed, tag="response.create"):
    event_id: str | None = None
    response: ResponseOptions | None = None


Message = SessionUpdate | Append | ItemCreate | ItemTruncate | ResponseCreate
