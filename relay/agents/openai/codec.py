"""OpenAI Realtime's messages as a codec: what the server says as events, what we say, no I/O (other-agents.md B1)."""

import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from relay.agents.openai.options import OpenAIOptions
from relay.agents.seam import CallerText, CallerTurn, CallInfo, Notice
from relay.agents.session import Failed, FunctionCall, Message, Reader, read_by_type
from relay.agents.tool_descriptions import describe
from relay.audio.convert import AudioFormat, Encoding

TELEPHONE: Final = AudioFormat(Encoding.ULAW, 8000)
WIDE: Final = AudioFormat(Encoding.PCM, 24000)  # PCM is spoken at this rate only

# An error of these kinds leaves nothing to go on with; the others are remarks, two of them not even worth a line.
_FATAL: Final = frozenset(
    {"insufficient_quota", "invalid_api_key", "account_deactivated", "billing_hard_limit_reached", "session_expired"}
)
_HARMLESS: Final = frozenset({"response_cancel_not_active", "conversation_already_has_active_response"})


@dataclass(frozen=True, slots=True)
class Created:
    """The server's first word."""

    session_id: str


@dataclass(frozen=True, slots=True)
class Updated:
    """Our settings are in force."""


@dataclass(frozen=True, slots=True)
class ReplyBegan:
    """A response is being made."""

    response_id: str


@dataclass(frozen=True, slots=True)
class ReplyAudio:
    """Speech of one item of a response; `data` empty: that was all of it."""

    response_id: str
    item_id: str
    data: bytes


@dataclass(frozen=True, slots=True)
class ReplyWords:
    """What an item says: a piece of it, or at the end the `whole`."""

    response_id: str
    item_id: str
    text: str
    whole: bool


@dataclass(frozen=True, slots=True)
class CallerSpeaks:
    """The caller began to speak; a running response is being cancelled by the server."""


@dataclass(frozen=True, slots=True)
class ReplyDone:
    """A response is over: `completed`, `cancelled`, `failed` or `incomplete`."""

    response_id: str
    status: str


def decode(text: bytes) -> list[Any]:
    """The events of one server message, none for what we have no use for. Never raises."""
    return read_by_type(text, _READERS)


def _audio(message: Message) -> Iterable[Any]:
    data = binascii.a2b_base64(message["delta"])
    return (ReplyAudio(message["response_id"], message["item_id"], data),) if data else ()


def _words(message: Message) -> Iterable[Any]:
    whole = "transcript" in message
    text = str(message["transcript"] if whole else message["delta"])
    return (ReplyWords(message["response_id"], message["item_id"], text, whole),)


def _done(message: Message) -> Iterable[Any]:
    response = message["response"]
    error = (response.get("status_details") or {}).get("error") or {}
    if response["status"] == "failed":
        yield _problem(error)
    yield ReplyDone(response["id"], response["status"])


def _error(message: Message) -> Iterable[Any]:
    error = message["error"]
    return () if error.get("code") in _HARMLESS else (_problem(error),)


def _problem(error: Mapping[str, Any]) -> Failed | Notice:
    text = " ".join(str(error[key]) for key in ("type", "code", "message", "param") if error.get(key))[:300]
    code = str(error.get("code") or error.get("type") or "")
    return Failed(code, text) if code in _FATAL else Notice("error", text)


_READERS: Final[Mapping[str, Reader]] = {
    "session.created": lambda message: (Created(message["session"]["id"]),),
    "session.updated": lambda message: (Updated(),),
    "response.created": lambda message: (ReplyBegan(message["response"]["id"]),),
    "response.output_audio.delta": _audio,
    "response.output_audio.done": lambda message: (ReplyAudio(message["response_id"], message["item_id"], b""),),
    "response.output_audio_transcript.delta": _words,
    "response.output_audio_transcript.done": _words,
    "response.function_call_arguments.done": lambda message: (
        FunctionCall(message["call_id"], message["name"], message["arguments"]),
    ),
    "response.done": _done,
    "input_audio_buffer.speech_started": lambda message: (CallerSpeaks(),),
    "input_audio_buffer.committed": lambda message: (CallerTurn(message["item_id"]),),
    "conversation.item.input_audio_transcription.completed": lambda message: (
        CallerText(message["transcript"].strip(), message["item_id"]),
    ),
    "error": _error,
}


def session_update(options: OpenAIOptions, call: CallInfo, audio: AudioFormat) -> dict[str, Any]:
    """The settings of a session, everything said once."""
    wire_format = {"type": "audio/pcmu"} if audio == TELEPHONE else {"type": "audio/pcm", "rate": audio.rate_hz}
    transcription = {
        "model": options.transcription_model,
        **({"language": options.language} if options.language else {}),
    }
    detection: dict[str, object]
    if options.turn_detection == "server_vad":
        detection = {"threshold": options.threshold, "silence_duration_ms": options.silence_ms}
    else:
        detection = {"eagerness": options.eagerness}
    turns = {"type": options.turn_detection, **detection, "create_response": True, "interrupt_response": True}
    tools = [{"type": "function", **tool} for tool in describe(options.tools, options.transfer_targets)]
    return {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "instructions": options.instructions(call),
            "output_modalities": ["audio"],
            "audio": {
                "input": {"format": wire_format, "transcription": transcription, "turn_detection": turns},
                "output": {"format": wire_format, "voice": options.voice, "speed": options.speed},
            },
            "tools": tools,
            "tool_choice": "auto",
        },
    }


def text_item(role: str, text: str) -> dict[str, Any]:
    content = [{"type": "input_text", "text": text}]
    return {"type": "conversation.item.create", "item": {"type": "message", "role": role, "content": content}}
